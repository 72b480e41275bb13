/* SPDX-License-Identifier: MIT */
/*
 * alive_test.c — peers that are silent, slow or impatient. In virtual time:
 * nothing here depends on how fast the machine is.
 */
#include "websocket.h"

/* A peer that shakes hands and does nothing more. */
static int amain_unanswered(void *arg)
{
    struct serving serving = {.options = {.close_timeout = 0.1}};
    char answer[1024];
    (void)arg;
    bide_http_server *server = serve(echo_messages, &serving, NULL);
    bide_stream *stream = dial_up(server, "", answer, sizeof answer);
    CHECK_OK(bide_sleep(0.01));
    bide_http_server_stop(server);
    CHECK_OK(bide_http_server_close(server)); /* cancels, which closes */
    CHECK_INT(serving.ended, 1);
    CHECK_INT(serving.result, -ECANCELED);
    size_t len;
    char data[200];
    CHECK_INT(hear_frame(stream, data, sizeof data, &len), 0x88);
    bide_stream_close(stream);
    return 0;
}

TEST(a_peer_that_does_not_answer_a_close_is_left)
{
    run_clean(amain_unanswered);
}

/* ── Keeping alive ────────────────────────────────────────────────────── */

static int amain_heartbeat(void *arg)
{
    struct serving serving = {.options = {.heartbeat = 0.1}};
    bide_http_server *server = serve(echo_messages, &serving, NULL);
    bide_stream *stream;
    char answer[1024], data[200];
    size_t len;
    (void)arg;
    stream = dial_up(server, "", answer, sizeof answer);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(hear_frame(stream, data, sizeof data, &len), 0x89);
        CHECK_INT(serving.ended, 0);
        send_frame(stream, 0x8a, data, len);
    }
    CHECK_INT(hear_frame(stream, data, sizeof data, &len), 0x89);
    while (serving.ended == 0) /* no answer this time */
        CHECK_OK(bide_sleep(0.01));
    CHECK_INT(serving.result, -ETIMEDOUT);
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_peer_that_answers_no_ping_is_given_up)
{
    run_clean(amain_heartbeat);
}

static int amain_alive(void *arg)
{
    struct serving serving = {.options = {.heartbeat = 0.05}};
    bide_http_server *server = serve(echo_messages, &serving, NULL);
    struct closing closing = {join(server, NULL), 0};
    bide_task *task = bide_create_task(receive_all, &closing);
    (void)arg;
    CHECK_OK(bide_sleep(0.5));
    CHECK_INT(serving.ended, 0);
    CHECK_OK(bide_websocket_ping(closing.ws, "x", 1));
    CHECK_OK(bide_websocket_shutdown(closing.ws, 1000, NULL));
    CHECK_OK(bide_await(task));
    CHECK_OK(bide_websocket_close(closing.ws, 1000, NULL));
    CHECK_OK(bide_http_server_close(server));
    CHECK_INT(serving.result, 0);
    return 0;
}

TEST(a_client_that_receives_is_kept_alive)
{
    run_clean(amain_alive);
}

/* ── Slow peers ───────────────────────────────────────────────────────── */

/* Sends more than any buffer holds. */
static int flood(bide_http_request *request, void *arg)
{
    static char text[1000];
    struct serving *serving = arg;
    bide_websocket *ws;
    int rc = bide_websocket_accept(request, &serving->options, &ws);
    if (rc < 0)
        return rc;
    for (int i = 0; i < 100000 && rc == 0; i++) {
        rc = bide_websocket_send_binary(ws, text, sizeof text);
        CHECK(bide_websocket_buffered(ws) <
              serving->options.buffer * 2 + 2 * sizeof text);
    }
    return end_serving(serving, ws, rc);
}

static int amain_slow(void *arg)
{
    struct serving serving = {
        .options = {.write_timeout = 0.1, .close_timeout = 0.1,
                    .buffer = 32768},
    };
    char answer[1024];
    (void)arg;
    bide_http_server *server = serve(flood, &serving, NULL);
    bide_stream *stream = dial_up(server, "", answer, sizeof answer);
    while (serving.ended == 0)
        CHECK_OK(bide_sleep(0.05));
    CHECK_INT(serving.result, -EPIPE);
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_peer_that_reads_nothing_is_given_up_and_memory_is_bounded)
{
    run_clean(amain_slow);
}

/* ── Floods ───────────────────────────────────────────────────────────── */

struct flooded {
    bide_websocket *ws;
    int result;
    bool ended;
};

static int only_receive(bide_http_request *request, void *arg)
{
    static const bide_websocket_options options = {.write_timeout = 5};
    struct flooded *flooded = arg;
    bide_websocket_message message;
    int rc = bide_websocket_accept(request, &options, &flooded->ws);
    if (rc < 0)
        return rc;
    while ((rc = bide_websocket_receive(flooded->ws, &message)) > 0)
        continue;
    flooded->result = rc;
    rc = bide_websocket_close(flooded->ws, 1000, NULL);
    flooded->ended = true;
    return rc;
}

/* Pings whose answers nobody reads; at the end all that were kept come. */
static int amain_pings(void *arg)
{
    struct flooded flooded = {.ws = NULL};
    char frames[50 * 131], answer[1024], data[200];
    size_t len = 0, got, pongs = 0;
    (void)arg;
    bide_http_server *server = serve(only_receive, &flooded, NULL);
    bide_stream *stream = dial_up(server, "", answer, sizeof answer);
    memset(data, 'x', sizeof data);
    for (int i = 0; i < 50; i++)
        len += put_frame(frames + len, 0x89, data, 125);
    for (int i = 0; i < 2000; i++) {
        CHECK_OK(bide_stream_write(stream, frames, len));
        if (!CHECK(bide_websocket_buffered(flooded.ws) < 200000))
            break;
    }
    send_frame(stream, 0x89, "last", 4);
    send_frame(stream, 0x88, "", 0);
    while (hear_frame(stream, data, sizeof data, &got) == 0x8a)
        pongs++;
    CHECK(pongs < 100000);
    while (!flooded.ended)
        CHECK_OK(bide_sleep(0.01));
    CHECK_INT(flooded.result, 0);
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(answers_to_a_flood_of_pings_do_not_pile_up)
{
    run_clean(amain_pings);
}

/* ── Cancellation ─────────────────────────────────────────────────────── */

static int receive_one(void *arg)
{
    struct closing *closing = arg;
    bide_websocket_message message;
    int rc = bide_websocket_receive(closing->ws, &message);
    if (rc > 0) {
        CHECK_STR(message.data, "the whole of it");
        closing->received++;
    }
    return rc;
}

/* The server's side receives a message of which each byte comes apart, and
 * is cancelled in between. */
static int receive_impatiently(bide_http_request *request, void *arg)
{
    struct serving *serving = arg;
    struct closing closing = {.received = 0};
    int cancelled = 0;
    int rc = bide_websocket_accept(request, &serving->options, &closing.ws);
    if (rc < 0)
        return rc;
    while (closing.received == 0) {
        bide_task *task = bide_create_task(receive_one, &closing);
        CHECK_OK(bide_sleep(0.001));
        bide_task_cancel(task);
        rc = bide_await(task);
        CHECK(rc > 0 || rc == -ECANCELED);
        cancelled += rc < 0;
    }
    CHECK(cancelled > 5);
    return end_serving(serving, closing.ws, rc);
}

static int amain_impatient(void *arg)
{
    struct serving serving = {.result = -1};
    char frames[100], answer[1024];
    (void)arg;
    bide_http_server *server = serve(receive_impatiently, &serving, NULL);
    bide_stream *stream = dial_up(server, "", answer, sizeof answer);
    size_t len = put_frame(frames, 0x01, "the whole", 9);
    len += put_frame(frames + len, 0x80, " of it", 6);
    for (size_t i = 0; i < len; i++) {
        CHECK_OK(bide_stream_write(stream, frames + i, 1));
        CHECK_OK(bide_sleep(0.003));
    }
    while (serving.ended == 0) {
        CHECK_OK(bide_sleep(0.01));
        (void)!bide_stream_write_eof(stream);
    }
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    CHECK_INT(serving.result, BIDE_WEBSOCKET_TEXT);
    return 0;
}

TEST(a_receive_that_is_cancelled_loses_nothing)
{
    run_clean(amain_impatient);
}
