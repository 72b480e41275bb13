/* SPDX-License-Identifier: MIT */
/*
 * httpbin.h — what the files of bide-httpbin share.
 *
 *     main.c      arguments, and the life of the server
 *     route.c     which function answers which path
 *     describe.c  answers that say what was asked: /get, /post, /headers ...
 *     simple.c    answers of one piece: /status, /redirect, /cookies ...
 *     flow.c      answers that take time or are long: /drip, /bytes, /ws ...
 *     form.c      queries, forms and uploads taken apart
 *     text.c      texts that grow, JSON, base64
 */
#ifndef BIDE_EXAMPLES_HTTPBIN_H
#define BIDE_EXAMPLES_HTTPBIN_H

#include <bide.h>
#include <bide/http.h>
#include <errno.h>

/* A body that an answer repeats; what is longer gets 413. */
#define BODY_MOST ((size_t)16 << 20)

/* ── Texts, text.c ────────────────────────────────────────────────────── */

/* Grows; once there was no memory it stays as it is, and `failed`. */
struct text {
    char *data;
    size_t len, cap;
    bool failed;
};

void text_add(struct text *text, const void *data, size_t len);
void text_print(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void text_free(struct text *text);

/* A JSON string of bytes. What is not UTF-8 becomes a data: URL. */
void text_add_json(struct text *text, const char *data, size_t len);
void text_add_base64(struct text *text, const void *data, size_t len);

bool is_utf8(const char *data, size_t len);

/* Whether it is one JSON value, and nothing else. */
bool is_json(const char *data, size_t len);

/* ── Names and values, form.c ─────────────────────────────────────────── */

struct pair {
    const char *name, *value; /* name has a NUL */
    size_t value_len;
};

#define PAIRS_MOST 256

struct pairs {
    struct pair items[PAIRS_MOST];
    size_t count;
};

/* "%41+b" to "A b" in place, with a NUL. Returns the length. */
size_t percent_decode(char *text, bool plus);

/* "a=1&b=2", taken apart in place; more than PAIRS_MOST are left out. */
void parse_query(char *query, struct pairs *pairs);

/* The value of a name, or NULL. */
const char *find_value(const struct pairs *pairs, const char *name);

/* A number among them, `normal` if it is not there. Returns whether it is one
 * from 0 to `most`. */
bool find_number(const struct pairs *pairs, const char *name, double normal,
                 double most, double *ret_number);

/* multipart/form-data, taken apart in place. Returns whether it is that. */
bool parse_multipart(char *data, size_t len, const char *type,
                     struct pairs *form, struct pairs *files);

/* {"a": "1", "b": ["2", "3"]}: names that come again become lists. */
void text_add_pairs(struct text *text, const struct pairs *pairs);

/* ── One request ──────────────────────────────────────────────────────── */

struct exchange {
    bide_http_request *request;
    const char *method;
    const char *path; /* decoded, without the query */
    const char *rest; /* of the path, behind what the route names */
    struct pairs args; /* the query */
    char *body;        /* if it was read */
    size_t body_len;
};

typedef int answer(struct exchange *exchange);

/* Say it, as JSON. Frees the text. */
int reply_json(struct exchange *exchange, int status, struct text *text);

/* Refuse, with a reason. */
int reply_error(struct exchange *exchange, int status, const char *reason);

/* Read the body, or refuse it: *ret_refused. Returns 0 or a code. */
int read_body(struct exchange *exchange, bool *ret_refused);

/* The rest of the path as a number, 0 to most; false: it has been refused, and
 * *ret_rc is the handler's result. */
bool rest_number(struct exchange *exchange, double most, double *ret_number,
                 int *ret_rc);

/* What answers.  describe.c */
answer answer_get, answer_post, answer_headers, answer_ip, answer_user_agent,
    answer_anything, answer_gzip, answer_stream, answer_delay, answer_etag;
void describe(struct exchange *exchange, struct text *text, bool body);

/* simple.c */
answer answer_status, answer_redirect, answer_cookies, answer_cookies_set,
    answer_cookies_delete, answer_basic_auth, answer_bearer,
    answer_response_headers, answer_uuid, answer_json;

/* flow.c */
answer answer_bytes, answer_drip, answer_range, answer_sse, answer_upload,
    answer_websocket;

/* route.c: a bide_http_handler. */
int serve_httpbin(bide_http_request *request, void *arg);

#endif
