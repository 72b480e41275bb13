/* SPDX-License-Identifier: MIT */
/*
 * source.c — bytes from the stream, and whether the peer is alive.
 *
 * Each wait has a deadline: the next ping, the answer to the last one, or to
 * our Close. Other tasks move it when one of these comes nearer.
 *
 * Who waits for longer than a second gives back what it does not need: the
 * stack that it has touched, and buffers. One timer looks for that, once a
 * second at most, and is not set while nothing happens.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "http/websocket/websocket.h"

#define REST 1.0 /* seconds of a wait until memory is given back */

/* ── Deadlines ────────────────────────────────────────────────────────── */

static double deadline(const bide_websocket *ws)
{
    double heartbeat = ws->options.heartbeat;
    if (ws->broken == -ETIME)
        return 0;
    if (ws->close_sent)
        return ws->closing_until;
    if (heartbeat <= 0)
        return (double)INFINITY;
    return ws->since + (ws->pinged ? heartbeat / 2 : heartbeat);
}

static int give_up(bide_websocket *ws, int code)
{
    ws->failed = code;
    if (ws->close_code == 0)
        ws->close_code = 1006;
    return code;
}

/* The deadline has passed: 0 if it was for a ping, which is under way now. */
static int on_time(bide_websocket *ws)
{
    if (ws->broken == -ETIME)
        return give_up(ws, bide_raise(-ETIMEDOUT, "the peer has taken nothing "
                                                  "for %g s",
                                      ws->options.write_timeout));
    if (ws->close_sent)
        return give_up(ws,
                       bide_raise(-ETIME, "the peer has not answered a Close "
                                          "within %g s",
                                  ws->options.close_timeout));
    if (ws->pinged)
        return give_up(ws,
                       bide_raise(-ETIMEDOUT, "the peer has not answered a "
                                              "ping within %g s",
                                  ws->options.heartbeat / 2));
    ws->pinged = true;
    ws->since = bide_time();
    int rc = bide__websocket_send_control(ws, BIDE__OP_PING, NULL, 0);
    return rc == -ENOMEM ? rc : 0;
}

/* ── Rest ─────────────────────────────────────────────────────────────── */

static void look(void *arg);

static void look_later(bide_websocket *ws)
{
    ws->waits_then = ws->waits;
    ws->looking = bide_loop_call_later(bide_loop_current(), &ws->rest, REST,
                                       look, ws) == 0;
}

static void look(void *arg)
{
    bide_websocket *ws = arg;
    ws->looking = false;
    if (!ws->waiter)
        return; /* the next wait looks again */
    if (ws->waits != ws->waits_then) {
        look_later(ws);
        return;
    }
    bide_task_trim(ws->waiter);
    if (!ws->in_message)
        bide__bytes_free(&ws->message);
    if (!ws->sending)
        bide__bytes_free(&ws->out);
}

/* ── Reading ──────────────────────────────────────────────────────────── */

static ssize_t read_once(bide_websocket *ws, char *buf, size_t len)
{
    bide_timeout timeout;
    bide_timeout_enter_at(&timeout, deadline(ws));
    ws->scope = &timeout;
    ws->waiter = bide_current_task();
    ws->waits++;
    if (!ws->looking)
        look_later(ws);
    ssize_t n = bide_stream_read(ws->stream, buf, len);
    ws->waiter = NULL;
    ws->scope = NULL;
    int rc = bide_timeout_exit(&timeout, n < 0 ? (int)n : 0);
    return rc < 0 ? rc : n;
}

ssize_t bide__websocket_pull(bide_websocket *ws, char *buf, size_t len)
{
    for (;;) {
        ssize_t n = read_once(ws, buf, len);
        if (n > 0) {
            ws->pinged = false;
            if (ws->options.heartbeat > 0)
                ws->since = bide_time();
            return n;
        }
        if (n == 0)
            return give_up(ws, bide_raise(BIDE_E_INCOMPLETE,
                                          "the peer has gone without a "
                                          "Close"));
        if (n == -ECANCELED || n == -ENOMEM)
            return n;
        if (n != -ETIME)
            return give_up(ws, (int)n);
        int rc = on_time(ws);
        if (rc < 0)
            return rc;
    }
}

int bide__websocket_need(bide_websocket *ws, size_t least)
{
    size_t have = ws->end - ws->begin;
    if (have >= least)
        return 0;
    if (ws->begin > 0) {
        memmove(ws->in, ws->in + ws->begin, have);
        ws->begin = 0;
        ws->end = have;
    }
    while (ws->end < least) {
        ssize_t n = bide__websocket_pull(ws, ws->in + ws->end,
                                         BIDE__IN_SIZE - ws->end);
        if (n < 0)
            return (int)n;
        ws->end += (size_t)n;
    }
    return 0;
}
