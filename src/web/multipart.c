/* SPDX-License-Identifier: MIT */
/*
 * multipart.c — a parser of multipart/form-data, RFC 7578 and RFC 2046.
 *
 * Bytes are collected in a room of fixed size until it is known what they are:
 * what cannot be part of a boundary goes to the sink at once, so that a file
 * of any size passes through. The room begins as if a line had ended before
 * the first boundary, which makes all boundaries alike.
 *
 * Invariant: after a step the room holds less than a boundary, or the headers
 * of a part, and has space for more.
 */
#include "web/multipart.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* ── Parameters of headers ────────────────────────────────────────────── */

/* Take the value of a parameter out of a header, in place: name="a \"b\"". A
 * backslash is taken for itself unless a quote follows: some clients send
 * paths of Windows. Returns the text behind it. */
static char *take_value(char *at, char **ret_value)
{
    char *to = at;
    *ret_value = at;
    if (*at != '"') {
        at += strcspn(at, "; \t");
        if (*at)
            *at++ = '\0';
        return at;
    }
    for (at++; *at && *at != '"'; at++) {
        if (at[0] == '\\' && at[1] == '"')
            at++;
        *to++ = *at;
    }
    if (*at)
        at++;
    *to = '\0';
    return at;
}

/* The value of a parameter, "" if there is none; the header is cut up. */
static char *next_parameter(char **at, char **ret_name)
{
    char *name = *at + strspn(*at, "; \t");
    char *equals = strchr(name, '=');
    char *value;
    if (!*name || !equals)
        return NULL;
    *equals = '\0';
    *ret_name = name;
    *at = take_value(equals + 1, &value);
    return value;
}

/* ── Beginning ────────────────────────────────────────────────────────── */

static bool is_boundary(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] > 126)
            return false;
    return len > 0 && len <= BIDE__MULTIPART_BOUNDARY_MAX &&
           text[len - 1] != ' ';
}

int bide__multipart_init(struct bide__multipart *parser, const char *type,
                         const struct bide__multipart_sink *sink)
{
    char copy[512], *name, *value, *at = copy;
    size_t skip = strcspn(type, ";");
    if (strlen(type + skip) >= sizeof copy)
        return -EINVAL;
    strcpy(copy, type + skip);
    while ((value = next_parameter(&at, &name)))
        if (strcasecmp(name, "boundary") == 0)
            break;
    if (!value || !is_boundary(value))
        return -EINVAL;
    parser->sink = *sink;
    parser->state = BIDE__MULTIPART_PREAMBLE;
    strcpy(parser->delimiter, "\r\n--");
    strcat(parser->delimiter, value);
    parser->delimiter_len = strlen(parser->delimiter);
    memcpy(parser->room, "\r\n", 2);
    parser->len = 2;
    return 0;
}

/* ── Steps ────────────────────────────────────────────────────────────── */

static void drop(struct bide__multipart *parser, size_t len)
{
    parser->len -= len;
    memmove(parser->room, parser->room + len, parser->len);
}

/* Data up to a boundary, or what cannot belong to one. Returns 1 if there is
 * more to do, 0 if more bytes are needed, or a negative code. */
static int step_data(struct bide__multipart *parser)
{
    const char *room = parser->room;
    bool wanted = parser->state == BIDE__MULTIPART_DATA;
    const char *found =
        parser->len >= parser->delimiter_len
            ? memmem(room, parser->len, parser->delimiter,
                     parser->delimiter_len)
            : NULL;
    size_t keep = parser->delimiter_len - 1;
    size_t len = found ? (size_t)(found - room)
                       : parser->len > keep ? parser->len - keep : 0;
    int rc = 0;
    if (wanted && len > 0)
        rc = parser->sink.data(parser->sink.arg, room, len);
    if (rc == 0 && wanted && found)
        rc = parser->sink.end(parser->sink.arg);
    if (rc < 0)
        return rc;
    drop(parser, found ? len + parser->delimiter_len : len);
    if (found)
        parser->state = BIDE__MULTIPART_AFTER;
    return found != NULL;
}

/* "--" ends all; else spaces may stand before the end of the line. */
static int step_after(struct bide__multipart *parser)
{
    size_t spaces = 0;
    if (parser->len < 2)
        return 0;
    if (memcmp(parser->room, "--", 2) == 0) {
        parser->state = BIDE__MULTIPART_END;
        return 1;
    }
    while (spaces < parser->len &&
           (parser->room[spaces] == ' ' || parser->room[spaces] == '\t'))
        spaces++;
    if (spaces > 64)
        return -EBADMSG;
    if (parser->len - spaces < 2)
        return 0;
    if (memcmp(parser->room + spaces, "\r\n", 2) != 0)
        return -EBADMSG;
    drop(parser, spaces); /* the end of the line stays, before the headers */
    parser->state = BIDE__MULTIPART_HEADERS;
    return 1;
}

/* form-data; name="a"; filename="b.txt" */
static int parse_disposition(char *text, struct bide__multipart_part *part)
{
    char *name, *value, *at;
    size_t len = strcspn(text, "; \t");
    if (len != 9 || strncasecmp(text, "form-data", 9) != 0)
        return -EBADMSG;
    at = text + len;
    while ((value = next_parameter(&at, &name))) {
        if (strcasecmp(name, "name") == 0)
            part->name = value;
        else if (strcasecmp(name, "filename") == 0)
            part->filename = value;
    }
    return 0;
}

static int parse_header(char *line, struct bide__multipart_part *part)
{
    char *value = strchr(line, ':');
    if (!value || value == line)
        return -EBADMSG;
    *value++ = '\0';
    value += strspn(value, " \t");
    if (strcasecmp(line, "Content-Disposition") == 0)
        return parse_disposition(value, part);
    if (strcasecmp(line, "Content-Type") == 0)
        part->type = value;
    return 0;
}

static int parse_headers(char *text, struct bide__multipart_part *part)
{
    int rc = 0;
    while (rc == 0 && *text) {
        char *end = strstr(text, "\r\n");
        *end = '\0';
        rc = parse_header(text, part);
        text = end + 2;
    }
    if (rc == 0 && (!part->name || strlen(part->name) == 0))
        return -EBADMSG;
    return rc;
}

/* The room begins with the end of the boundary's line. */
static int step_headers(struct bide__multipart *parser)
{
    struct bide__multipart_part part = {.type = ""};
    char *end = parser->len >= 4
                    ? memmem(parser->room, parser->len, "\r\n\r\n", 4)
                    : NULL;
    if (!end)
        return parser->len > BIDE__MULTIPART_HEADERS_MAX ? -EBADMSG : 0;
    size_t len = (size_t)(end - parser->room) + 4;
    if (len > BIDE__MULTIPART_HEADERS_MAX ||
        memchr(parser->room, '\0', len))
        return -EBADMSG;
    end[2] = '\0'; /* each header is a line that ends */
    int rc = len > 4 ? parse_headers(parser->room + 2, &part) : -EBADMSG;
    if (rc == 0)
        rc = parser->sink.begin(parser->sink.arg, &part);
    if (rc < 0)
        return rc;
    drop(parser, len);
    parser->state = BIDE__MULTIPART_DATA;
    return 1;
}

static int step(struct bide__multipart *parser)
{
    switch (parser->state) {
    case BIDE__MULTIPART_AFTER:
        return step_after(parser);
    case BIDE__MULTIPART_HEADERS:
        return step_headers(parser);
    case BIDE__MULTIPART_END:
        parser->len = 0; /* what follows is nothing */
        return 0;
    default:
        return step_data(parser);
    }
}

int bide__multipart_feed(struct bide__multipart *parser, const char *data,
                         size_t len)
{
    while (len > 0) {
        size_t space = sizeof parser->room - parser->len;
        size_t some = len < space ? len : space;
        if (space == 0)
            return -EBADMSG;
        memcpy(parser->room + parser->len, data, some);
        parser->len += some;
        data += some;
        len -= some;
        int rc = 1;
        while (rc > 0)
            rc = step(parser);
        if (rc < 0)
            return rc;
    }
    return 0;
}

bool bide__multipart_ended(const struct bide__multipart *parser)
{
    return parser->state == BIDE__MULTIPART_END;
}
