/* SPDX-License-Identifier: MIT */
/*
 * websocket.c — all that a peer can send once a WebSocket is open, to either
 * side; and what a handshake can name as extensions.
 *
 * The bits of the first byte say which side it is, whether messages are
 * compressed, and how they are received; the second one, into pieces of which
 * size the rest is cut.
 */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "http/websocket/websocket.h"

struct talk {
    bide_stream *stream;
    const uint8_t *data;
    size_t size, piece;
};

static int say(void *arg)
{
    struct talk *talk = arg;
    int rc = 0;
    while (rc == 0 && talk->size > 0) {
        size_t n = talk->size < talk->piece ? talk->size : talk->piece;
        rc = bide_stream_write(talk->stream, talk->data, n);
        talk->data += n;
        talk->size -= n;
        if (rc == 0)
            rc = bide_sleep(0);
    }
    return rc == 0 ? bide_stream_write_eof(talk->stream) : rc;
}

static int hear(void *arg)
{
    struct talk *talk = arg;
    char buf[4096];
    ssize_t n;
    while ((n = bide_stream_read(talk->stream, buf, sizeof buf)) > 0)
        continue;
    return (int)n;
}

static int echo_whole(bide_websocket *ws)
{
    bide_websocket_message message;
    int rc;
    while ((rc = bide_websocket_receive(ws, &message)) > 0) {
        if (message.data[message.len] != '\0')
            abort();
        rc = bide_websocket_send(ws, message.kind, message.data, message.len);
        if (rc < 0)
            break;
    }
    return rc;
}

static int echo_pieces(bide_websocket *ws)
{
    char buf[37];
    int rc;
    while ((rc = bide_websocket_next(ws)) > 0) {
        ssize_t n = 1;
        rc = bide_websocket_begin(ws, (enum bide_websocket_kind)rc);
        if (rc < 0)
            break;
        while (rc == 0 && n > 0) {
            n = bide_websocket_read(ws, buf, sizeof buf);
            rc = n > 0 ? bide_websocket_write(ws, buf, (size_t)n) : (int)n;
        }
        int ended = bide_websocket_end(ws);
        if (rc < 0 || ended < 0)
            break;
    }
    return rc;
}

static int open_one(bide_stream *stream, unsigned bits, bide_websocket **ret)
{
    const bide_websocket_options wished = {
        .message = 20000,
        .fragments = 50,
        .close_timeout = 0.1,
        .write_timeout = 0.1,
    };
    const struct bide__deflate_terms terms = {
        .agreed = bits & 2,
        .server_forgets = bits & 4,
        .client_forgets = bits & 8,
        .server_window = 9,
        .client_window = bits & 16 ? 8 : 15,
    };
    bide_websocket_options options;
    int rc = bide__websocket_options(&wished, &options);
    return rc < 0 ? rc
                  : bide__websocket_new(stream, bits & 1, &options, NULL, 0,
                                        &terms, ret);
}

static int amain(void *arg)
{
    const struct fuzz_input *input = arg;
    bide_stream *pair[2];
    bide_websocket *ws;
    if (input->size < 2)
        return 0;
    unsigned bits = input->data[0];
    int rc = bide_stream_pair(pair);
    if (rc < 0)
        return rc;
    struct talk talk = {pair[1], input->data + 2, input->size - 2,
                        (size_t)input->data[1] * 8 + 1};
    bide_task *tasks[] = {bide_create_task(say, &talk),
                          bide_create_task(hear, &talk)};
    rc = open_one(pair[0], bits, &ws);
    if (rc < 0)
        return rc;
    (void)(bits & 32 ? echo_pieces(ws) : echo_whole(ws));
    rc = bide_websocket_close(ws, 1000, NULL);
    if (!(bits & 1))
        bide_stream_close(pair[0]);
    for (int i = 0; i < 2; i++)
        (void)!bide_await(tasks[i]);
    bide_stream_close(pair[1]);
    return rc;
}

static void agree(const uint8_t *data, size_t size)
{
    struct bide__deflate_terms terms = {.agreed = false};
    char text[512], reply[160];
    size = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, size);
    text[size] = '\0';
    bide__deflate_choose(text, 12, false, &terms, reply, sizeof reply);
    if (terms.agreed && bide__deflate_accept(reply, 0, false, &terms) < 0 &&
        !strstr(reply, "client_max"))
        abort(); /* a client must understand what a server says */
    (void)!bide__deflate_accept(text, 12, true, &terms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    agree(data, size);
    fuzz_run(amain, data, size);
    return 0;
}
