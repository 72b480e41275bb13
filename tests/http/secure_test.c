/* SPDX-License-Identifier: MIT */
/* secure_test.c — the same over TLS. */
#include "http.h"

#include "tls/certificates.h"

static int amain(void *arg)
{
    bide_tls_context *server_tls = server_context(GOOD, NULL);
    bide_tls_context *client_tls = client_context(NULL);
    const bide_http_server_options options = {.tls = server_tls};
    const bide_connection_options connection = {
        .tls = client_tls,
        .tls_host = "localhost",
    };
    bide_http_server *server = serve(tell, NULL, &options);
    bide_stream *stream;
    char buf[256];
    (void)arg;
    CHECK_OK(bide_open_connection("127.0.0.1", bide_http_server_port(server),
                                  &connection, &stream));
    say(stream, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
                "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_INT(hear(stream, buf, sizeof buf), 200);
    CHECK_STR(buf, "GET /a ");
    CHECK_INT(hear(stream, buf, sizeof buf), 200);
    CHECK_STR(buf, "GET /b ");
    say(stream, "GET / HTTP/1.1\nHost: x\n\n");
    CHECK_INT(hear(stream, buf, sizeof buf), 400);
    CHECK_INT(bide_stream_read(stream, buf, sizeof buf), 0);
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    bide_tls_close(server_tls);
    bide_tls_close(client_tls);
    return 0;
}

TEST(requests_are_served_over_tls)
{
    run_clean(amain);
}
