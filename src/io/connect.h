/* SPDX-License-Identifier: MIT */
/* connect.h — connecting to the first of several addresses that answers. */
#ifndef BIDE_SRC_IO_CONNECT_H
#define BIDE_SRC_IO_CONNECT_H

#include <netdb.h>

#include "io/stream.h"

/* What to connect to, and how. */
struct bide__target {
    const char *host;             /* as the user calls it, for messages */
    const struct addrinfo *list;  /* its addresses, at least one */
    const struct addrinfo *local; /* to connect from, or NULL: any */
    const bide_connection_options *options; /* checked, defaults filled in */
};

/*
 * Try the addresses, families in turn, and make a stream of the first
 * connection. Returns 0 or the code of the last address that failed, with a
 * message. Suspends; a cancellation point. When it returns, nothing of it is
 * in the kernel.
 */
int bide__connect(bide_task *self, const struct bide__target *target,
                  bide_stream **ret_stream);

#endif
