/* SPDX-License-Identifier: MIT */
/*
 * multipart.h — multipart/form-data, as a parser that knows neither streams
 * nor files: bytes go in, parts come out.
 */
#ifndef BIDE_SRC_WEB_MULTIPART_H
#define BIDE_SRC_WEB_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

#define BIDE__MULTIPART_BOUNDARY_MAX 70 /* RFC 2046, 5.1.1 */
#define BIDE__MULTIPART_HEADERS_MAX 8192
#define BIDE__MULTIPART_ROOM 32768

/* What a part says of itself. Texts are the parser's, until data comes. */
struct bide__multipart_part {
    const char *name;
    const char *filename; /* NULL: it is no file */
    const char *type;     /* "" if it says none */
};

/* Who takes the parts. Each returns 0 or a negative code, which ends all. */
struct bide__multipart_sink {
    int (*begin)(void *arg, const struct bide__multipart_part *part);
    int (*data)(void *arg, const char *data, size_t len);
    int (*end)(void *arg);
    void *arg;
};

enum bide__multipart_state {
    BIDE__MULTIPART_PREAMBLE,
    BIDE__MULTIPART_AFTER, /* a boundary: "--" or a part follows */
    BIDE__MULTIPART_HEADERS,
    BIDE__MULTIPART_DATA,
    BIDE__MULTIPART_END
};

struct bide__multipart {
    struct bide__multipart_sink sink;
    enum bide__multipart_state state;
    char delimiter[BIDE__MULTIPART_BOUNDARY_MAX + 5]; /* CR LF "--" it */
    size_t delimiter_len;
    size_t len; /* bytes in room that were not used yet */
    char room[BIDE__MULTIPART_ROOM];
};

/* Begin, with a Content-Type that says the boundary. Returns 0, or -EINVAL
 * without a good one. */
int bide__multipart_init(struct bide__multipart *parser, const char *type,
                         const struct bide__multipart_sink *sink);

/* More bytes. Returns 0, -EBADMSG for what is malformed, or what the sink
 * returned. Not to be called again after a failure. */
int bide__multipart_feed(struct bide__multipart *parser, const char *data,
                         size_t len);

/* Whether the last boundary has come. */
bool bide__multipart_ended(const struct bide__multipart *parser);

#endif
