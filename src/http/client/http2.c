/* SPDX-License-Identifier: MIT */
/*
 * http2.c — HTTP/2, which is not offered to servers yet.
 */
#include <errno.h>

#include "http/client/client.h"

int bide__h2_start(struct bide__link *link)
{
    (void)link;
    return bide_raise(-ENOTSUP, "the session's context for TLS offers h2, "
                                "which is not spoken here");
}

bool bide__h2_has_room(const struct bide__link *link)
{
    (void)link;
    return false;
}

void bide__h2_reserve(struct bide__link *link)
{
    (void)link;
}

void bide__h2_unreserve(struct bide__link *link)
{
    (void)link;
}

int bide__h2_exchange(struct bide__call *call, struct bide__link *link,
                      bide_http_response *response, bool *ret_begun)
{
    (void)call, (void)link, (void)response, (void)ret_begun;
    return -ENOTSUP;
}

ssize_t bide__h2_read(bide_http_response *response, void *buf, size_t len)
{
    (void)response, (void)buf, (void)len;
    return -ENOTSUP;
}

void bide__h2_end(bide_http_response *response)
{
    (void)response;
}
