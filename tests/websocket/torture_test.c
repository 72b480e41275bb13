/* SPDX-License-Identifier: MIT */
/*
 * torture_test.c — a conversation of messages of all kinds, each allocation
 * failing and each wait cancelled in turn.
 */
#include "helpers/torture.h"

#include "websocket.h"

static const bide_websocket_options options = {
    .compress = true,
    .close_timeout = 0.1,
    .protocols = "chat",
    .window = 9,
};

static int send_back(bide_http_request *request, void *arg)
{
    bide_websocket *ws;
    bide_websocket_message message;
    (void)arg;
    int rc = bide_websocket_accept(request, &options, &ws);
    if (rc < 0)
        return rc;
    while ((rc = bide_websocket_receive(ws, &message)) > 0) {
        rc = bide_websocket_send(ws, message.kind, message.data, message.len);
        if (rc < 0)
            break;
    }
    int closed = bide_websocket_close(ws, 1000, NULL);
    return rc < 0 ? rc : closed;
}

static int receive(bide_websocket *ws, size_t len)
{
    bide_websocket_message message;
    int rc = bide_websocket_receive(ws, &message);
    if (rc > 0)
        CHECK_INT(message.len, len);
    else if (rc == 0) /* the other side has closed, disturbed */
        CHECK(torture_disturbs());
    return rc > 0 ? 0 : rc < 0 ? rc : -EPIPE;
}

/* After a failure the pieces still end. */
static int send_pieces(bide_websocket *ws, const char *data)
{
    int rc = bide_websocket_begin(ws, BIDE_WEBSOCKET_TEXT);
    if (rc < 0)
        return rc;
    rc = bide_websocket_write(ws, data, 1000);
    if (rc == 0)
        rc = bide_websocket_write(ws, data, 500);
    int ended = bide_websocket_end(ws);
    return rc < 0 ? rc : ended;
}

static int converse(bide_websocket *ws)
{
    static char data[40000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)('!' + i * i * 31 % 89);
    int rc = bide_websocket_send_text(ws, "short");
    if (rc == 0)
        rc = bide_websocket_send_binary(ws, data, 3000);
    if (rc == 0)
        rc = bide_websocket_ping(ws, NULL, 0);
    if (rc == 0)
        rc = receive(ws, 5);
    if (rc == 0)
        rc = receive(ws, 3000);
    if (rc == 0)
        rc = bide_websocket_send_binary(ws, data, sizeof data);
    if (rc == 0)
        rc = receive(ws, sizeof data);
    if (rc == 0)
        rc = send_pieces(ws, data);
    if (rc == 0)
        rc = receive(ws, 1500);
    return rc;
}

static int visit(const bide_http_server *server)
{
    char url[64];
    bide_websocket *ws;
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/",
             bide_http_server_port(server));
    int rc = bide_websocket_connect(url, &options, &ws);
    if (rc < 0)
        return rc;
    CHECK(bide_websocket_compressed(ws));
    rc = converse(ws);
    int closed = bide_websocket_close(ws, 1000, NULL);
    return rc < 0 ? rc : closed;
}

/* What a side gets when the other one was disturbed. */
static bool is_consequence(int rc)
{
    return rc == -EPIPE || rc == -ECONNRESET || rc == BIDE_E_INCOMPLETE ||
           rc == -EPROTO || rc == -ETIME;
}

static int scenario(void *arg)
{
    bide_http_server *server;
    (void)arg;
    bide_set_exception_handler(bide_loop_current(), note_report, NULL);
    int rc = bide_http_serve("127.0.0.1", 0, send_back, NULL, NULL, &server);
    if (rc < 0)
        return rc;
    rc = visit(server);
    if (torture_disturbs() && is_consequence(rc))
        rc = 0;
    int closed = bide_http_server_close(server);
    return rc < 0 ? rc : closed;
}

TEST(a_conversation_survives_anything)
{
    struct torture_counts counts = torture(scenario);
    CHECK(counts.suspensions >= 8);
    CHECK(counts.allocations >= 15);
}
