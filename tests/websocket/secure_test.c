/* SPDX-License-Identifier: MIT */
/* secure_test.c — wss:, and requests that cannot be upgraded. */
#include "websocket.h"

#include "tls/certificates.h"

static int amain_secure(void *arg)
{
    bide_tls_context *server_tls = server_context(GOOD, NULL);
    bide_tls_context *client_tls = client_context(NULL);
    const bide_http_server_options secure = {.tls = server_tls};
    const bide_websocket_options options = {.tls = client_tls};
    struct serving serving = {.result = -1};
    bide_http_server *server = serve(echo_messages, &serving, &secure);
    bide_websocket *ws;
    bide_websocket_message message;
    char url[64];
    static char data[100000];
    (void)arg;
    snprintf(url, sizeof url, "wss://localhost:%d/",
             bide_http_server_port(server));
    CHECK_ERR(bide_websocket_connect(url, NULL, &ws), -EINVAL);
    if (CHECK_OK(bide_websocket_connect(url, &options, &ws))) {
        CHECK_OK(bide_websocket_send_text(ws, "secret"));
        CHECK_INT(bide_websocket_receive(ws, &message), BIDE_WEBSOCKET_TEXT);
        CHECK_STR(message.data, "secret");
        CHECK_OK(bide_websocket_send_binary(ws, data, sizeof data));
        CHECK_INT(bide_websocket_receive(ws, &message),
                  BIDE_WEBSOCKET_BINARY);
        CHECK_INT(message.len, sizeof data);
        CHECK_OK(bide_websocket_close(ws, 1000, NULL));
    }
    CHECK_OK(bide_http_server_close(server));
    CHECK_INT(serving.result, 0);
    CHECK_INT(serving.close_code, 1000);
    bide_tls_close(server_tls);
    bide_tls_close(client_tls);
    return 0;
}

TEST(messages_pass_over_tls)
{
    run_clean(amain_secure);
}

static int amain_untrusted(void *arg)
{
    bide_tls_context *server_tls = server_context(UNKNOWN, NULL);
    bide_tls_context *client_tls = client_context(NULL);
    const bide_http_server_options secure = {.tls = server_tls};
    const bide_websocket_options options = {.tls = client_tls};
    struct serving serving = {.result = -1};
    bide_websocket *ws;
    char url[64];
    (void)arg;
    watch_reports();
    bide_http_server *server = serve(echo_messages, &serving, &secure);
    snprintf(url, sizeof url, "wss://localhost:%d/",
             bide_http_server_port(server));
    CHECK_ERR(bide_websocket_connect(url, &options, &ws),
              BIDE_E_TLS_CERTIFICATE);
    CHECK_OK(bide_http_server_close(server));
    CHECK_INT(serving.ended, 0);
    bide_tls_close(server_tls);
    bide_tls_close(client_tls);
    return 0;
}

TEST(a_server_that_cannot_be_trusted_is_not_talked_to)
{
    run_clean(amain_untrusted);
}
