/* SPDX-License-Identifier: MIT */
/*
 * message.h — what servers and clients share: the syntax of HTTP messages.
 *
 *     syntax.c   tokens, values, fields, where a head ends
 *     text.c     small texts: the date, statuses, numbers
 *
 * No input or output here.
 */
#ifndef BIDE_SRC_HTTP_MESSAGE_H
#define BIDE_SRC_HTTP_MESSAGE_H

#include <bide.h>

/* Bytes that grow. */
struct bide__bytes {
    char *data;
    size_t len, cap;
};

/* Strings, once they are parsed. */
struct bide__field {
    char *name;
    char *value;
    unsigned name_len, value_len;
};

/* How a body ends. */
enum bide__framing {
    BIDE__BODY_NONE,
    BIDE__BODY_LENGTH,  /* after `left` bytes */
    BIDE__BODY_CHUNKED, /* after the chunk of 0 bytes; `left` of this chunk */
    BIDE__BODY_CLOSE    /* with the connection; replies only */
};

/* ── syntax.c ─────────────────────────────────────────────────────────── */

/* Look for the end of a head in what has arrived. Returns its length; 0 if
 * it is not there yet; or a negative status that refuses it. */
int bide__http_find_head(const char *data, size_t len, size_t max,
                         unsigned *ret_lines);

/* Parse a line "name: value" in place, without its end. Returns whether it is
 * one. */
bool bide__http_parse_field(char *line, struct bide__field *ret_field);

bool bide__http_is_token(const char *text, size_t len);
bool bide__http_is_value(const char *text, size_t len);

/* ── text.c ───────────────────────────────────────────────────────────── */

/* The reason phrase of a status, "" if it has none. */
const char *bide__http_reason(int status);

/* "Date: Fri, 20 Nov 2026 18:00:00 GMT\r\n", made once a second. */
const char *bide__http_date(void);
#define BIDE__HTTP_DATE_LEN 37

/* Room for more bytes, and adding them. Return 0 or -ENOMEM. */
int bide__bytes_reserve(struct bide__bytes *bytes, size_t more);
int bide__bytes_add(struct bide__bytes *bytes, const void *data, size_t len);
int bide__bytes_add_number(struct bide__bytes *bytes, uint64_t number);
void bide__bytes_free(struct bide__bytes *bytes);

#endif
