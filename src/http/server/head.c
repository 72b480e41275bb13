/* SPDX-License-Identifier: MIT */
/*
 * head.c — the request line and the headers.
 *
 * llhttp parses, with every leniency off. Around it stand checks of our own
 * for what different servers understand differently, which is what request
 * smuggling lives on: lines that end in anything but CR LF, continued lines,
 * control characters, more than one length, a length with chunks, a coding
 * other than chunked, a missing or second Host.
 *
 * A refusal is a negative HTTP status.
 */
#include <errno.h>
#include <llhttp.h>
#include <string.h>
#include <strings.h>

#include "http/server/server.h"

#define TARGET_MAX 8192 /* bytes, RFC 9112 recommends at least 8000 */

/* ── llhttp's callbacks ───────────────────────────────────────────────── */

/* The parser still reads the text: strings are ended when it is done. */
static int on_name(llhttp_t *parser, const char *at, size_t len)
{
    bide_http_request *request = parser->data;
    if (request->count == request->room || !bide__http_is_token(at, len))
        return HPE_USER;
    request->fields[request->count] = (struct bide__field){
        .name = (char *)(uintptr_t)at,
        .name_len = (unsigned)len,
    };
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    bide_http_request *request = parser->data;
    struct bide__field *field = &request->fields[request->count++];
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
        len--;
    field->value = (char *)(uintptr_t)at;
    field->value_len = (unsigned)len;
    return 0;
}

/* What follows is read by body.c. */
static int on_headers_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

/* ── What the headers mean ────────────────────────────────────────────── */

struct meaning {
    unsigned hosts, lengths, codings;
    bool keep_alive;
    int refused;
};

static int note_length(bide_http_request *request, const char *value)
{
    uint64_t length = 0;
    if (!*value)
        return -400;
    for (; *value; value++) {
        if (*value < '0' || *value > '9' ||
            __builtin_mul_overflow(length, 10, &length) ||
            __builtin_add_overflow(length, (uint64_t)(*value - '0'), &length))
            return -400;
    }
    request->left = length;
    request->framing = length > 0 ? BIDE__BODY_LENGTH : BIDE__BODY_NONE;
    return 0;
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

static bool is_host(const char *value)
{
    return !value[strcspn(value, " \t,/?#@\\<>\"")];
}

static void note(bide_http_request *request, const struct bide__field *field,
                 struct meaning *meaning)
{
    const char *name = field->name;
    const char *value = field->value;
    if (strcasecmp(name, "host") == 0) {
        meaning->hosts++;
        if (!is_host(value))
            meaning->refused = -400;
    } else if (strcasecmp(name, "content-length") == 0) {
        meaning->lengths++;
        if (note_length(request, value) < 0)
            meaning->refused = -400;
    } else if (strcasecmp(name, "transfer-encoding") == 0) {
        meaning->codings++;
        if (strcasecmp(value, "chunked") != 0)
            meaning->refused = -400;
    } else if (strcasecmp(name, "connection") == 0) {
        request->close |= has_word(value, "close");
        meaning->keep_alive |= has_word(value, "keep-alive");
    } else if (strcasecmp(name, "expect") == 0) {
        request->expects = strcasecmp(value, "100-continue") == 0;
        if (!request->expects && !meaning->refused)
            meaning->refused = -417;
    }
}

/* The first letter tells most headers apart from those that matter. */
static bool may_matter(const char *name)
{
    switch (name[0] | 0x20) {
    case 'h':
    case 'c':
    case 't':
    case 'e':
        return true;
    default:
        return false;
    }
}

static int understand(bide_http_request *request)
{
    struct meaning meaning = {.hosts = 0};
    for (unsigned i = 0; i < request->count; i++) {
        struct bide__field *field = &request->fields[i];
        field->name[field->name_len] = '\0';
        if (field->value_len > 0)
            field->value[field->value_len] = '\0';
        else
            field->value = field->name + field->name_len;
        if (may_matter(field->name))
            note(request, field, &meaning);
    }
    if (meaning.hosts > 1 || (meaning.hosts == 0 && !request->http10) ||
        meaning.lengths > 1 || meaning.codings > 1 ||
        (meaning.codings == 1 && (meaning.lengths || request->http10)))
        return -400;
    if (meaning.refused)
        return meaning.refused;
    if (meaning.codings) {
        request->framing = BIDE__BODY_CHUNKED;
        request->left = 0;
    }
    if (request->http10) {
        request->expects = false;
        request->close |= !meaning.keep_alive;
    }
    request->complete = request->framing == BIDE__BODY_NONE;
    if (request->complete)
        request->expects = false;
    return 0;
}

/* ── Parsing ──────────────────────────────────────────────────────────── */

static const llhttp_settings_t settings = {
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
};

/* "METHOD target HTTP/1.x": exactly two spaces, and a version we know. */
static int check_line(bide_http_request *request, char *data, size_t head)
{
    const char *end = memchr(data, '\r', head);
    size_t len = end ? (size_t)(end - data) : head;
    char *space = memchr(data, ' ', len);
    if (!space || len < 10)
        return -400;
    const char *version = data + len - 9;
    if (space + 1 >= version ||
        memchr(space + 1, ' ', (size_t)(data + len - space - 1)) != version)
        return -400;
    if (strncmp(version, " HTTP/1.", 8) != 0)
        return strncmp(version, " HTTP/", 6) == 0 ? -505 : -400;
    if (version[8] != '0' && version[8] != '1')
        return version[8] >= '2' && version[8] <= '9' ? -505 : -400;
    request->http10 = version[8] == '0';
    request->version = request->http10 ? 10 : 11;
    request->target = space + 1;
    request->target_len = (size_t)(version - space) - 1;
    return version - space > TARGET_MAX ? -414 : 0;
}

bool bide__http_knows_method(const char *line, size_t len)
{
    static const char *const names[] = {
#define NAME(number, name, string) #string,
        HTTP_ALL_METHOD_MAP(NAME)
#undef NAME
    };
    const char *space = memchr(line, ' ', len);
    size_t n = space ? (size_t)(space - line) : len;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == n && memcmp(names[i], line, n) == 0)
            return true;
    return false;
}

static int status_of(llhttp_errno_t error)
{
    return error == HPE_INVALID_METHOD ? -501 : -400;
}

/* The fields and the text are one piece of memory; trailers need room as
 * well, if there is a body that can have some. */
static int copy_head(bide_http_request *request, const char *data, size_t len,
                     unsigned lines)
{
    unsigned most = request->server->options.fields;
    if (lines - 1 > most)
        return -431;
    request->room = lines;
    size_t fields = lines * sizeof request->fields[0];
    bool small = fields + len + 1 <= sizeof request->connection->head;
    request->memory = small ? request->connection->head
                            : bide_allocate(fields + len + 1);
    if (!request->memory)
        return -ENOMEM;
    request->fields = (struct bide__field *)(void *)request->memory;
    request->method = request->memory + fields;
    memcpy(request->method, data, len);
    request->method[len] = '\0';
    return 0;
}

int bide__http_parse_head(bide_http_request *request, const char *data,
                          size_t len, unsigned lines)
{
    int rc = copy_head(request, data, len, lines);
    if (rc == 0)
        rc = check_line(request, request->method, len);
    if (rc < 0)
        return rc;
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = request;
    char *text = request->method;
    llhttp_errno_t error = llhttp_execute(&parser, text, len);
    if (error != HPE_PAUSED)
        return status_of(error);
    request->target[request->target_len] = '\0';
    request->target[-1] = '\0';
    request->head_only = strcmp(text, "HEAD") == 0;
    return understand(request);
}
