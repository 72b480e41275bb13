/* SPDX-License-Identifier: MIT */
/* life_test.c — messages in pieces, and ends of all kinds. */
#include "websocket.h"

/* ── Pieces ───────────────────────────────────────────────────────────── */

/* Sends back what it reads, in pieces as it comes. */
static int echo_pieces(bide_http_request *request, void *arg)
{
    struct serving *serving = arg;
    bide_websocket *ws;
    char piece[100];
    int rc = bide_websocket_accept(request, &serving->options, &ws);
    if (rc < 0)
        return rc;
    while ((rc = bide_websocket_next(ws)) > 0) {
        CHECK_OK(bide_websocket_begin(ws, (enum bide_websocket_kind)rc));
        ssize_t n;
        while ((n = bide_websocket_read(ws, piece, sizeof piece)) > 0)
            CHECK_OK(bide_websocket_write(ws, piece, (size_t)n));
        CHECK_OK(n);
        CHECK_OK(bide_websocket_end(ws));
        CHECK_ERR(bide_websocket_read(ws, piece, 1), -EINVAL);
        CHECK_ERR(bide_websocket_write(ws, piece, 1), -EINVAL);
        CHECK_ERR(bide_websocket_end(ws), -EINVAL);
    }
    return end_serving(serving, ws, rc);
}

static int amain_pieces(void *arg)
{
    bool compress = arg != NULL;
    struct serving serving = {
        .options = {.compress = compress, .message = 10},
    };
    const bide_websocket_options options = {.compress = compress};
    bide_http_server *server = serve(echo_pieces, &serving, NULL);
    bide_websocket *ws = join(server, &options);
    bide_websocket_message message;
    for (size_t len = 0; len < 30000; len = len * 3 + 1) {
        char *text = bide_allocate(len + 1);
        for (size_t i = 0; i < len; i++)
            text[i] = (char)('a' + i % 17);
        text[len] = '\0';
        CHECK_OK(bide_websocket_send_text(ws, text));
        CHECK_INT(bide_websocket_receive(ws, &message), BIDE_WEBSOCKET_TEXT);
        CHECK_INT(message.len, len);
        CHECK_STR(message.data, text);
        bide_release(text);
    }
    CHECK_OK(bide_websocket_close(ws, 1000, NULL));
    CHECK_OK(bide_http_server_close(server));
    CHECK_INT(serving.result, 0);
    return 0;
}

TEST(messages_larger_than_the_limit_pass_in_pieces)
{
    run_clean(amain_pieces);
    run_clean_with(amain_pieces, &(int){1}, NULL);
}

static int amain_rest(void *arg)
{
    struct serving serving = {.result = 0};
    bide_http_server *server = serve(echo_messages, &serving, NULL);
    bide_websocket *ws = join(server, NULL);
    bide_websocket_message message;
    char piece[3];
    (void)arg;
    CHECK_OK(bide_websocket_send_text(ws, "not all of it is read"));
    CHECK_OK(bide_websocket_send_text(ws, "the next"));
    CHECK_OK(bide_websocket_send_text(ws, "the last"));
    CHECK_INT(bide_websocket_next(ws), BIDE_WEBSOCKET_TEXT);
    CHECK_INT(bide_websocket_read(ws, piece, 3), 3);
    CHECK_MEM(piece, "not", 3);
    CHECK_INT(bide_websocket_next(ws), BIDE_WEBSOCKET_TEXT);
    CHECK_INT(bide_websocket_read(ws, piece, 3), 3);
    CHECK_MEM(piece, "the", 3);
    CHECK_INT(bide_websocket_receive(ws, &message), BIDE_WEBSOCKET_TEXT);
    CHECK_STR(message.data, "the last");
    CHECK_OK(bide_websocket_close(ws, 1000, NULL));
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(what_was_not_read_of_a_message_is_skipped)
{
    run_clean(amain_rest);
}

static int amain_divided(void *arg)
{
    struct serving serving = {.result = 0};
    bide_http_server *server = serve(echo_messages, &serving, NULL);
    bide_websocket *ws = join(server, NULL);
    bide_websocket_message message;
    (void)arg;
    CHECK_ERR(bide_websocket_send_text(ws, "\xff"), -EILSEQ);
    CHECK_OK(bide_websocket_begin(ws, BIDE_WEBSOCKET_TEXT));
    CHECK_OK(bide_websocket_write(ws, "\xe2\x82", 2));
    CHECK_ERR(bide_websocket_write(ws, "x", 1), -EILSEQ);
    CHECK_OK(bide_websocket_write(ws, "\xac", 1));
    CHECK_OK(bide_websocket_end(ws));
    CHECK_INT(bide_websocket_receive(ws, &message), BIDE_WEBSOCKET_TEXT);
    CHECK_STR(message.data, "\xe2\x82\xac");
    CHECK_OK(bide_websocket_close(ws, 1000, NULL));
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_character_may_be_divided_between_pieces)
{
    run_clean(amain_divided);
}

/* ── Closing ──────────────────────────────────────────────────────────── */

static int amain_shutdown(void *arg)
{
    struct serving serving = {.result = -1};
    bide_http_server *server = serve(echo_messages, &serving, NULL);
    struct closing closing = {join(server, NULL), 0};
    bide_task *task = bide_create_task(receive_all, &closing);
    (void)arg;
    for (int i = 0; i < 3; i++)
        CHECK_OK(bide_websocket_send_text(closing.ws, "text"));
    CHECK_ERR(bide_websocket_shutdown(closing.ws, 1005, NULL), -EINVAL);
    CHECK_ERR(bide_websocket_shutdown(closing.ws, 0, "why"), -EINVAL);
    CHECK_ERR(bide_websocket_shutdown(closing.ws, 1000, "\xff"), -EILSEQ);
    CHECK_OK(bide_websocket_shutdown(closing.ws, 4321, "enough"));
    CHECK_OK(bide_websocket_shutdown(closing.ws, 1000, "again"));
    CHECK_ERR(bide_websocket_send_text(closing.ws, "late"), -EPIPE);
    CHECK_ERR(bide_websocket_ping(closing.ws, NULL, 0), -EPIPE);
    CHECK_OK(bide_await(task));
    CHECK_INT(closing.received, 3);
    CHECK_INT(bide_websocket_close_code(closing.ws), 4321);
    CHECK_OK(bide_websocket_close(closing.ws, 1000, NULL));
    CHECK_OK(bide_http_server_close(server));
    CHECK_INT(serving.close_code, 4321);
    CHECK_STR(serving.close_reason, "enough");
    return 0;
}

TEST(what_the_peer_has_sent_is_received_after_a_shutdown)
{
    run_clean(amain_shutdown);
}

static int amain_gone(void *arg)
{
    struct serving serving = {.result = 0};
    char answer[1024];
    (void)arg;
    bide_http_server *server = serve(echo_messages, &serving, NULL);
    bide_stream *stream = dial_up(server, "", answer, sizeof answer);
    send_frame(stream, 0x01, "half a message", 14);
    bide_stream_close(stream);
    while (serving.ended == 0)
        CHECK_OK(bide_sleep(0));
    CHECK_INT(serving.result, BIDE_E_INCOMPLETE);
    CHECK_INT(serving.close_code, 1006);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_peer_that_leaves_without_a_close_is_noticed)
{
    run_clean(amain_gone);
}

/* All bytes of a conversation, cut off behind each of them. */
static int amain_truncated(void *arg)
{
    char frames[400], answer[1024] = "";
    size_t len = 0;
    int expected = 0;
    (void)arg;
    len += put_frame(frames + len, 0x01, "some", 4);
    len += put_frame(frames + len, 0x89, "ping", 4);
    len += put_frame(frames + len, 0x80, "thing", 5);
    len += put_frame(frames + len, 0x82, answer, 200);
    len += put_frame(frames + len, 0x88, "\x03\xe8", 2);
    for (int abort = 0; abort < 2; abort++) {
        for (size_t cut = 0; cut < len; cut++) {
            struct serving serving = {.result = 0};
            bide_http_server *server = serve(echo_messages, &serving, NULL);
            bide_stream *stream = dial_up(server, "", answer, sizeof answer);
            CHECK_OK(bide_stream_write(stream, frames, cut));
            if (abort)
                bide_stream_abort(stream);
            else
                bide_stream_close(stream);
            while (serving.ended == 0)
                CHECK_OK(bide_sleep(0));
            expected = serving.result;
            CHECK(expected == BIDE_E_INCOMPLETE || expected == -ECONNRESET);
            CHECK_INT(serving.close_code, 1006);
            CHECK_OK(bide_http_server_close(server));
        }
    }
    return 0;
}

TEST(a_connection_may_be_cut_off_at_each_byte)
{
    run_clean(amain_truncated);
}

/* ── Cancelled senders ────────────────────────────────────────────────── */

/* Sends numbers in turn, and is cancelled at some of them. */
struct counting {
    bide_websocket *ws;
    int who, sent;
};

static int count_up(void *arg)
{
    struct counting *counting = arg;
    char text[200];
    while (counting->sent < 100) {
        memset(text, '.', sizeof text);
        int n = snprintf(text, sizeof text, "%d %d", counting->who,
                         counting->sent);
        text[n] = ' ';
        text[sizeof text - 1] = '\0';
        int rc = bide_websocket_send_text(counting->ws, text);
        if (rc == 0)
            counting->sent++;
        else if (!CHECK_ERR(rc, -ECANCELED))
            return rc;
        rc = bide_sleep(0);
        CHECK(rc == 0 || rc == -ECANCELED);
    }
    return 0;
}

static int amain_cancelled(void *arg)
{
    struct serving serving = {.result = -1};
    bide_http_server *server = serve(echo_messages, &serving, NULL);
    bide_websocket *ws = join(server, NULL);
    bide_websocket_message message;
    struct counting counting[3];
    bide_task *tasks[3];
    int expected[3] = {0, 0, 0}, who, number;
    (void)arg;
    for (int i = 0; i < 3; i++) {
        counting[i] = (struct counting){ws, i, 0};
        tasks[i] = bide_create_task(count_up, &counting[i]);
    }
    for (int i = 0; i < 300; i++) {
        if (i % 3 == 0 && !bide_task_done(tasks[i % 2])) {
            bide_task_cancel(tasks[i % 2]);
            (void)bide_task_uncancel(tasks[i % 2]);
        }
        if (!CHECK_INT(bide_websocket_receive(ws, &message),
                       BIDE_WEBSOCKET_TEXT))
            break;
        CHECK_INT(message.len, 199);
        CHECK_INT(sscanf(message.data, "%d %d", &who, &number), 2);
        CHECK_INT(number, expected[who]++); /* each once, in order */
    }
    for (int i = 0; i < 3; i++)
        CHECK_OK(bide_await(tasks[i]));
    CHECK_OK(bide_websocket_close(ws, 1000, NULL));
    CHECK_OK(bide_http_server_close(server));
    CHECK_INT(serving.result, 0);
    return 0;
}

TEST(a_send_that_is_cancelled_has_sent_nothing)
{
    run_clean(amain_cancelled);
}
