/* SPDX-License-Identifier: MIT */
/*
 * life.c — options, what both handshakes make, and the end.
 *
 *     open ──shutdown()──► Close sent ──Close of the peer──► closed
 *       └──Close of the peer──► answered ────────────────────┘
 *
 * A peer may have data under way that nobody will read, if it was refused above
 * all; closing the socket at once would reset the connection under the Close
 * that says why. So some of it is read. A client waits for the server to close
 * first, as RFC 6455, 7.1.1 wants it.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "http/websocket/websocket.h"

#define MESSAGE_DEFAULT (UINT32_C(4) << 20)
#define FRAGMENTS_DEFAULT 100000
#define BUFFER_DEFAULT 65536
#define BUFFER_LEAST 32768
#define LINGER 1.0         /* seconds */
#define LINGER_MOST 262144 /* bytes */

/* ── Options ──────────────────────────────────────────────────────────── */

static int set_time(double *seconds, double normal, const char *name)
{
    if (!(*seconds >= 0))
        return bide_raise(-EINVAL, "%s is %g s, must be at least 0", name,
                          *seconds);
    if (*seconds == 0)
        *seconds = normal;
    return 0;
}

static int set_times(bide_websocket_options *options)
{
    int rc = set_time(&options->heartbeat, 0, "heartbeat");
    if (rc == 0)
        rc = set_time(&options->close_timeout, 10, "close_timeout");
    if (rc == 0)
        rc = set_time(&options->write_timeout, 60, "write_timeout");
    if (rc == 0)
        rc = set_time(&options->timeout, 30, "timeout");
    return rc;
}

int bide__websocket_options(const bide_websocket_options *given,
                            bide_websocket_options *ret_options)
{
    bide_websocket_options options = {.message = 0};
    if (given)
        options = *given;
    if (options.message == 0)
        options.message = MESSAGE_DEFAULT;
    if (options.message > BIDE_IO_MAX)
        return bide_raise(-EINVAL, "message is %zu bytes, at most %zu",
                          options.message, BIDE_IO_MAX);
    if (options.fragments == 0)
        options.fragments = FRAGMENTS_DEFAULT;
    if (options.buffer == 0)
        options.buffer = BUFFER_DEFAULT;
    if (options.buffer < BUFFER_LEAST || options.buffer > BIDE_IO_MAX / 2)
        return bide_raise(-EINVAL, "buffer is %zu bytes, must be %d to %zu",
                          options.buffer, BUFFER_LEAST, BIDE_IO_MAX / 2);
    if (options.window != 0 && (options.window < 9 || options.window > 15))
        return bide_raise(-EINVAL, "window is %d bits, must be 9 to 15",
                          options.window);
    int rc = set_times(&options);
    if (rc == 0)
        *ret_options = options;
    return rc;
}

/* ── Beginning ────────────────────────────────────────────────────────── */

static int copy_protocol(bide_websocket *ws, const char *protocol, size_t len)
{
    if (len == 0)
        return 0;
    ws->protocol = bide_allocate(len + 1);
    if (!ws->protocol)
        return -ENOMEM;
    memcpy(ws->protocol, protocol, len);
    ws->protocol[len] = '\0';
    return 0;
}

static void set_packers(bide_websocket *ws,
                        const struct bide__deflate_terms *terms)
{
    int own = ws->client ? terms->client_window : terms->server_window;
    int most = ws->options.window ? ws->options.window : BIDE__WINDOW;
    ws->terms = *terms;
    ws->packer.window = own < most ? own : most;
    ws->packer.forgets = ws->client ? terms->client_forgets
                                    : terms->server_forgets;
    ws->unpacker.window = ws->client ? terms->server_window
                                     : terms->client_window;
    ws->unpacker.forgets = ws->client ? terms->server_forgets
                                      : terms->client_forgets;
}

int bide__websocket_new(bide_stream *stream, bool client,
                        const bide_websocket_options *options,
                        const char *protocol, size_t protocol_len,
                        const struct bide__deflate_terms *terms,
                        bide_websocket **ret_ws)
{
    bide_websocket *ws = bide_allocate(sizeof *ws);
    if (!ws)
        return -ENOMEM;
    memset(ws, 0, offsetof(bide_websocket, in));
    if (copy_protocol(ws, protocol, protocol_len) < 0) {
        bide_release(ws);
        return -ENOMEM;
    }
    ws->stream = stream;
    ws->client = client;
    ws->options = *options;
    ws->since = bide_time();
    ws->closing_until = (double)INFINITY;
    bide_event_set(&ws->always);
    set_packers(ws, terms);
    *ret_ws = ws;
    return 0;
}

/* ── The end ──────────────────────────────────────────────────────────── */

static int check_close(int code, const char *reason, size_t len)
{
    if (code != 0 && (code < 0 || !bide__close_code_is_sound((unsigned)code)))
        return bide_raise(-EINVAL, "%d cannot be the number of a Close", code);
    if (len > BIDE__REASON_MAX || (code == 0 && len > 0))
        return bide_raise(-EINVAL, "reason is %zu bytes, at most %d", len,
                          code == 0 ? 0 : BIDE__REASON_MAX);
    if (bide__utf8_check(BIDE__UTF8_BEGIN, reason, len) != BIDE__UTF8_BEGIN)
        return bide_raise(-EILSEQ, "reason is not UTF-8");
    return 0;
}

int bide_websocket_shutdown(bide_websocket *ws, int code, const char *reason)
{
    unsigned char data[BIDE__CONTROL_MAX] = {(unsigned char)(code >> 8),
                                             (unsigned char)code};
    size_t len = reason ? strlen(reason) : 0;
    int rc = check_close(code, reason, len);
    if (rc < 0 || ws->close_sent)
        return rc;
    if (len > 0)
        memcpy(data + 2, reason, len);
    rc = bide__websocket_send_control(ws, BIDE__OP_CLOSE, data,
                                      code ? len + 2 : 0);
    if (rc < 0)
        return rc;
    ws->close_sent = true;
    ws->closing_until = bide_time() + ws->options.close_timeout;
    if (ws->scope)
        bide_timeout_reschedule(ws->scope, ws->closing_until);
    return 0;
}

/* Read and drop what comes until the peer has closed. */
static int linger(bide_websocket *ws)
{
    char waste[4096];
    bide_timeout timeout;
    ssize_t n = 1;
    bide_timeout_enter(&timeout, LINGER);
    for (size_t got = 0; n > 0 && got < LINGER_MOST; got += (size_t)n)
        n = bide_stream_read(ws->stream, waste, sizeof waste);
    int rc = bide_timeout_exit(&timeout, n < 0 ? (int)n : 0);
    return rc == -ECANCELED ? rc : 0;
}

/* What the rules want before the socket is closed. */
static int part(bide_websocket *ws)
{
    int rc = 0;
    if (!ws->failed && ws->close_sent) {
        do
            rc = bide_websocket_next(ws);
        while (rc > 0);
    }
    if (rc == -ECANCELED)
        return rc;
    rc = bide__websocket_flush(ws);
    if (rc < 0 || ws->broken || !ws->close_sent)
        return rc;
    bool refused = ws->failed == -EPROTO || ws->failed == -EILSEQ ||
                   ws->failed == -EMSGSIZE;
    if (ws->failed && !refused)
        return 0;
    if ((refused || !ws->client) && bide_stream_write_eof(ws->stream) < 0)
        return 0;
    return linger(ws);
}

void bide__websocket_free(bide_websocket *ws)
{
    if (ws->looking)
        (void)bide_handle_cancel(&ws->rest);
    bide__packer_fini(&ws->packer, true);
    bide__packer_fini(&ws->unpacker, false);
    bide__bytes_free(&ws->message);
    bide__bytes_free(&ws->out);
    bide__bytes_free(&ws->packed_out);
    if (ws->client)
        bide_stream_close(ws->stream);
    bide_release(ws->protocol);
    bide_release(ws);
}

int bide_websocket_close(bide_websocket *ws, int code, const char *reason)
{
    if (!ws)
        return 0;
    int rc = bide_websocket_shutdown(ws, code, reason);
    if (rc == -EPIPE)
        rc = 0;
    int parted = part(ws);
    if (parted == -ECANCELED) { /* no more waiting */
        ws->closing_until = 0;
        (void)bide__websocket_flush(ws);
    }
    bide__websocket_free(ws);
    return parted < 0 ? parted : rc;
}

/* ── Looking ──────────────────────────────────────────────────────────── */

int bide_websocket_close_code(const bide_websocket *ws)
{
    return ws->close_code;
}

const char *bide_websocket_close_reason(const bide_websocket *ws)
{
    return ws->close_reason;
}

const char *bide_websocket_protocol(const bide_websocket *ws)
{
    return ws->protocol ? ws->protocol : "";
}

bool bide_websocket_compressed(const bide_websocket *ws)
{
    return ws->terms.agreed;
}

const bide_stream *bide_websocket_stream(const bide_websocket *ws)
{
    return ws->stream;
}
