/* SPDX-License-Identifier: MIT */
/*
 * <bide/http_compress.h> — compressed replies; <bide/http.h> includes it.
 *
 * A server compresses all replies that are worth it, by an option:
 *
 *     const bide_http_compress_options compress = {0};
 *     const bide_http_server_options options = {.compress = &compress};
 *
 * or a handler asks for it, for its own reply:
 *
 *     rc = bide_http_reply_compress(request, NULL);
 *
 * What the client accepts is chosen, in its order of preference: br, zstd or
 * gzip. Left as they are: replies of types that do not get smaller (images,
 * archives, what has no type), those below a length, parts of files, those
 * with a Content-Encoding already, and those that say no-transform. `Vary` is
 * added and a strong ETag made a weak one, as RFC 9110 wants it.
 *
 * Each piece that a handler writes can be read by the client at once, so that
 * events and logs arrive when they are sent; larger pieces compress better.
 *
 * Compressing secrets together with what an attacker may choose tells the
 * attacker of them, by the length (BREACH): such replies are left alone.
 */
#ifndef BIDE_HTTP_COMPRESS_H
#define BIDE_HTTP_COMPRESS_H

#include <bide/http_server.h>

BIDE_BEGIN

/* How to compress. Zeroed means: the defaults. */
struct bide_http_compress_options {
    size_t least;      /* bytes of a body that are worth it, 0: 1024. One whose
                          length is not announced always is */
    int level;         /* 1 is quick, 9 is small; 0: 4 */
    void *reserved[4]; /* zero */
};

/*
 * bide_http_reply_compress — compress the reply to this request, if that is
 * worth it and the client accepts it.
 *
 * Returns:  0 or a negative code.
 *   options   copied; NULL means the defaults
 * Suspends: never.
 * Errors:   -EALREADY if the reply has begun; -EINVAL for level; -ENOMEM
 * Thread:   the loop's, in the handler's task.
 * Like:     aiohttp's Response.enable_compression.
 * Source:   RFC 9110, 8.4 and 12.5.3; RFC 1952, RFC 7932, RFC 8878.
 */
BIDE_API BIDE_NODISCARD int
bide_http_reply_compress(bide_http_request *request,
                         const bide_http_compress_options *options);

BIDE_END

#endif
