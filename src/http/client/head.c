/* SPDX-License-Identifier: MIT */
/*
 * head.c — the head of a response on HTTP/1.1.
 *
 * As for requests, llhttp parses with every leniency off, and around it stand
 * checks of our own: a response whose end can be understood in two ways would
 * let one server put words into another one's mouth, where both are reached
 * over the same connection by a proxy.
 */
#include <errno.h>
#include <llhttp.h>
#include <string.h>
#include <strings.h>

#include "http/client/client.h"

#define INTERIM_MAX 16 /* responses of 1xx before the one that counts */

int bide__malformed(const char *what)
{
    return bide_raise(-EBADMSG, "malformed response: %s", what);
}

/* ── llhttp's callbacks ───────────────────────────────────────────────── */

/* The parser still reads the text: strings are ended when it is done. */
static int on_name(llhttp_t *parser, const char *at, size_t len)
{
    bide_http_response *response = parser->data;
    if (response->count == response->room || !bide__http_is_token(at, len))
        return HPE_USER;
    response->fields[response->count] = (struct bide__field){
        .name = (char *)(uintptr_t)at,
        .name_len = (unsigned)len,
    };
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    bide_http_response *response = parser->data;
    struct bide__field *field = &response->fields[response->count++];
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
        len--;
    field->value = (char *)(uintptr_t)at;
    field->value_len = (unsigned)len;
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
};

/* ── What the headers mean ────────────────────────────────────────────── */

struct meaning {
    unsigned lengths, codings;
    bool close, keep_alive;
    const char *wrong;
};

static bool parse_length(const char *value, int64_t *ret_length)
{
    uint64_t length = 0;
    if (!*value)
        return false;
    for (; *value; value++)
        if (*value < '0' || *value > '9' ||
            __builtin_mul_overflow(length, 10, &length) ||
            __builtin_add_overflow(length, (uint64_t)(*value - '0'), &length))
            return false;
    if (length > INT64_MAX)
        return false;
    *ret_length = (int64_t)length;
    return true;
}

static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);
    while (*list) {
        list += strspn(list, " \t,");
        size_t n = strcspn(list, " \t,");
        if (n == len && strncasecmp(list, word, len) == 0)
            return true;
        list += n;
    }
    return false;
}

static void note(bide_http_response *response, const char *name,
                 const char *value, struct meaning *meaning)
{
    if (strcasecmp(name, "content-length") == 0) {
        meaning->lengths++;
        if (!parse_length(value, &response->length))
            meaning->wrong = "Content-Length is no number";
    } else if (strcasecmp(name, "transfer-encoding") == 0) {
        meaning->codings++;
        if (strcasecmp(value, "chunked") != 0)
            meaning->wrong = "a Transfer-Encoding that is not chunked";
    } else if (strcasecmp(name, "connection") == 0) {
        meaning->close |= has_word(value, "close");
        meaning->keep_alive |= has_word(value, "keep-alive");
    }
}

static void end_strings(bide_http_response *response, struct meaning *meaning)
{
    for (unsigned i = 0; i < response->count; i++) {
        struct bide__field *field = &response->fields[i];
        field->name[field->name_len] = '\0';
        if (field->value_len > 0)
            field->value[field->value_len] = '\0';
        else
            field->value = field->name + field->name_len;
        if (strchr("ctCT", field->name[0]))
            note(response, field->name, field->value, meaning);
    }
}

/* RFC 9112, 6.3. */
static int find_framing(bide_http_response *response,
                        const struct meaning *meaning)
{
    if (meaning->wrong)
        return bide__malformed(meaning->wrong);
    if (meaning->lengths > 1)
        return bide__malformed("more than one Content-Length");
    if (meaning->codings > 1 || (meaning->codings && meaning->lengths))
        return bide__malformed("Transfer-Encoding with another one, or with "
                               "Content-Length");
    if (meaning->codings && response->minor == 0)
        return bide__malformed("Transfer-Encoding in HTTP/1.0");
    if (response->head_only || response->status < 200 ||
        response->status == 204 || response->status == 304)
        response->framing = BIDE__BODY_NONE;
    else if (meaning->codings)
        response->framing = BIDE__BODY_CHUNKED;
    else if (!meaning->lengths)
        response->framing = BIDE__BODY_CLOSE;
    else if (response->length > 0)
        response->framing = BIDE__BODY_LENGTH;
    response->left = response->framing == BIDE__BODY_LENGTH
                         ? (uint64_t)response->length
                         : 0;
    if (meaning->close || (response->minor == 0 && !meaning->keep_alive) ||
        response->framing == BIDE__BODY_CLOSE)
        response->keep = false;
    return 0;
}

/* ── Parsing ──────────────────────────────────────────────────────────── */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.x SP ddd SP reason CR LF": the reason may be missing. */
static int parse_line(bide_http_response *response, char *text)
{
    char *end = strchr(text, '\r');
    if (strncmp(text, "HTTP/1.", 7) != 0 || !is_digit(text[7]) ||
        text[8] != ' ' || !is_digit(text[9]) || !is_digit(text[10]) ||
        !is_digit(text[11]) || (text[12] != ' ' && text + 12 != end))
        return bide__malformed("the first line is no status line of "
                               "HTTP/1.x");
    response->minor = text[7] == '0' ? 0 : 1;
    response->status = (text[9] - '0') * 100 + (text[10] - '0') * 10 +
                       (text[11] - '0');
    response->reason = text[12] == ' ' ? text + 13 : end;
    if (response->status < 100 || response->status > 599)
        return bide__malformed("the status is not in 100 to 599");
    return 0;
}

/* The fields and the text are one piece of memory. */
static int copy_head(bide_http_response *response, const char *data,
                     size_t len, unsigned lines)
{
    unsigned most = response->session->options.fields;
    if (lines - 1 > most)
        return bide_raise(-EMSGSIZE, "a response with %u headers, at most %u",
                          lines - 1, most);
    size_t fields = lines * sizeof response->fields[0];
    bide_release(response->memory); /* of an interim response */
    response->memory = bide_allocate(fields + len + 1);
    if (!response->memory)
        return -ENOMEM;
    response->fields = (struct bide__field *)(void *)response->memory;
    response->room = lines;
    response->count = 0;
    memcpy(response->memory + fields, data, len);
    response->memory[fields + len] = '\0';
    return 0;
}

int bide__head_parse(bide_http_response *response, const char *data,
                     size_t len, unsigned lines)
{
    llhttp_t parser;
    struct meaning meaning = {.lengths = 0};
    int rc = copy_head(response, data, len, lines);
    if (rc < 0)
        return rc;
    char *text = response->memory + response->room * sizeof(struct bide__field);
    response->length = -1;
    rc = parse_line(response, text);
    if (rc < 0)
        return rc;
    llhttp_init(&parser, HTTP_RESPONSE, &settings);
    parser.data = response;
    if (llhttp_execute(&parser, text, len) != HPE_PAUSED)
        return bide__malformed("a header is not sound");
    *strchr(text, '\r') = '\0';
    end_strings(response, &meaning);
    return find_framing(response, &meaning);
}

/* ── Receiving ────────────────────────────────────────────────────────── */

static int left(bool begun)
{
    return bide_raise(BIDE_E_INCOMPLETE,
                      begun ? "the server closed the connection within the "
                              "head of its response"
                            : "the server closed the connection before it "
                              "answered");
}

static int refused(const bide_http_response *response, int status)
{
    if (status == -400)
        return bide__malformed("the head is not made of lines that end in "
                               "CR LF");
    return bide_raise(-EMSGSIZE, "the head of the response is larger than "
                                 "%zu bytes",
                      response->session->options.head);
}

static int receive(bide_http_response *response, bool *ret_begun)
{
    bide_stream *stream = response->link->stream;
    size_t most = response->session->options.head;
    const char *data;
    unsigned lines;
    size_t before = 0;
    for (;;) {
        ssize_t n = bide_stream_peek(stream, before + 1, &data);
        if (n < 0)
            return (int)n;
        if (n > 0)
            *ret_begun = true;
        if ((size_t)n == before)
            return left(*ret_begun);
        int head = bide__http_find_head(data, (size_t)n, most, &lines);
        if (head < 0)
            return refused(response, head);
        if (head > 0) {
            int rc = bide__head_parse(response, data, (size_t)head, lines);
            bide_stream_skip(stream, (size_t)head);
            response->ahead = (size_t)n - (size_t)head;
            return rc;
        }
        before = (size_t)n;
    }
}

int bide__head_read(bide_http_response *response, bool *ret_begun)
{
    for (int i = 0; i <= INTERIM_MAX; i++) {
        int rc = receive(response, ret_begun);
        if (rc < 0)
            return rc;
        if (response->status == 101)
            return bide__malformed("a switch of protocols that nobody asked "
                                   "for");
        if (response->status < 200)
            continue;
        if (response->framing == BIDE__BODY_LENGTH &&
            response->ahead > response->left)
            response->keep = false; /* more than it says */
        response->exact = response->framing != BIDE__BODY_CHUNKED &&
                          response->ahead == response->left;
        return 0;
    }
    return bide__malformed("too many interim responses");
}
