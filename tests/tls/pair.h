/* SPDX-License-Identifier: MIT */
/* pair.h — a secure server of the tests, and connections to it. */
#ifndef BIDE_TESTS_TLS_PAIR_H
#define BIDE_TESTS_TLS_PAIR_H

#include "certificates.h"
#include "io/server.h"

/* A server with this certificate and these options, and the context that
 * clients of it use. */
struct secure {
    bide_tls_context *server_tls;
    bide_tls_context *client_tls;
    bide_server *server;
};

static inline void secure_open(struct secure *secure,
                               enum certificate certificate,
                               bide_stream_handler *handler, void *arg,
                               const bide_tls_options *server_options,
                               const bide_tls_options *client_options)
{
    secure->server_tls = server_context(certificate, server_options);
    secure->client_tls = client_context(client_options);
    const bide_server_options options = {.tls = secure->server_tls};
    CHECK_OK(bide_start_server("127.0.0.1", 0, handler, arg, &options,
                               &secure->server));
}

static inline void secure_close(struct secure *secure)
{
    CHECK_OK(bide_server_close(secure->server));
    bide_tls_close(secure->server_tls);
    bide_tls_close(secure->client_tls);
}

/* Connect as to "localhost", or as to the address if host is NULL. */
static inline int secure_connect(const struct secure *secure,
                                 const char *host, bide_stream **ret_stream)
{
    const bide_connection_options options = {
        .tls = secure->client_tls,
        .tls_host = host,
    };
    return bide_open_connection("127.0.0.1", bide_server_port(secure->server),
                                &options, ret_stream);
}

#endif
