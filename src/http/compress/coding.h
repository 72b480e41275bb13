/* SPDX-License-Identifier: MIT */
/* coding.h — the codings of content, and which of them a client accepts. */
#ifndef BIDE_SRC_HTTP_COMPRESS_CODING_H
#define BIDE_SRC_HTTP_COMPRESS_CODING_H

#include <bide/http_server.h>

enum bide__coding {
    BIDE__CODING_BR,
    BIDE__CODING_ZSTD,
    BIDE__CODING_GZIP,
    BIDE__CODINGS
};

/* "br", "zstd", "gzip" */
const char *bide__coding_name(enum bide__coding coding);

/* Those of `offered` (bits, 1 << coding) that a client prefers to content as
 * it is, its favourite first, in our own order where it has none. Returns how
 * many. RFC 9110, 12.5.3. */
size_t bide__http_rank_codings(const bide_http_request *request,
                               unsigned offered,
                               enum bide__coding ranked[BIDE__CODINGS]);

#endif
