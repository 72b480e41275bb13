/* SPDX-License-Identifier: MIT */
/*
 * <bide/websocket.h> — WebSocket, both sides of it. Link with libbide-http
 * (pkg-config bide-http).
 *
 * A handler of an HTTP server accepts, a client connects; from then on both
 * have the same thing:
 *
 *     static int echo(bide_http_request *request, void *arg)
 *     {
 *         bide_websocket *ws;
 *         bide_websocket_message message;
 *         int rc = bide_websocket_accept(request, NULL, &ws);
 *         if (rc < 0)
 *             return rc;
 *         while ((rc = bide_websocket_receive(ws, &message)) > 0) {
 *             rc = bide_websocket_send(ws, message.kind, message.data,
 *                                      message.len);
 *             if (rc < 0)
 *                 break;
 *         }
 *         int closed = bide_websocket_close(ws, 1000, NULL);
 *         return rc < 0 ? rc : closed;
 *     }
 *
 * One task receives; any number may send at the same time, first come, first
 * served, and each message stays whole. Pings are answered, and the peer's
 * Close, while a task receives.
 *
 * Sending copies a message of up to 16 KiB and returns; all that is sent in
 * one turn of the loop goes out in one write. When `buffer` bytes wait, and
 * for longer messages, sending waits for the peer.
 *
 * What breaks the rules is refused: the peer is told by a Close with the
 * number that RFC 6455 has for it, 1002, 1007 or 1009.
 */
#ifndef BIDE_WEBSOCKET_H
#define BIDE_WEBSOCKET_H

#include <bide/http_server.h>

BIDE_BEGIN

typedef struct bide_websocket bide_websocket;

/* What a message is; the numbers are those of the protocol. */
enum bide_websocket_kind {
    BIDE_WEBSOCKET_TEXT = 1, /* valid UTF-8 */
    BIDE_WEBSOCKET_BINARY = 2
};

/* A message that was received. The data is the connection's, until the next
 * call that receives; a NUL follows it. */
typedef struct bide_websocket_message {
    enum bide_websocket_kind kind;
    const char *data;
    size_t len;
} bide_websocket_message;

/* Of a connection. Zeroed means: the defaults. */
typedef struct bide_websocket_options {
    size_t message;        /* bytes of a message that is received whole, after
                              decompression, 0: 4 MiB; beyond: 1009 */
    unsigned fragments;    /* frames of a received message, 0: 100000; beyond:
                              1009 */
    size_t buffer;         /* bytes of messages that wait to be written,
                              0: 64 KiB; at least 32 KiB */
    double heartbeat;      /* seconds without a sign of the peer after which a
                              task that receives pings it; a peer that is
                              silent for half as long again is given up.
                              0: never */
    double close_timeout;  /* seconds for the peer to answer a Close, 0: 10 */
    double write_timeout;  /* seconds for the peer to take what one write has,
                              0: 60 */
    const char *protocols; /* subprotocols, "chat, superchat": a client offers
                              them, a server takes the first that the client
                              has; NULL: none */
    bool compress;         /* permessage-deflate if the peer has it, too; some
                              50 KiB more for each connection */
    int window;            /* bits of its window, 9 to 15, 0: 12. Each more
                              doubles most of that memory */
    bool forget;           /* compress each message for itself: worse, but
                              attackers learn nothing from lengths about what
                              is secret in other messages */

    /* Servers: */
    const char *origins;   /* whose pages may connect from a browser, as
                              bide_websocket_check_origin(); NULL: all */

    /* Clients: */
    const char *const *headers; /* "Name: value" each, NULL at the end; NULL:
                              none */
    const void *tls;       /* as in bide_connection_options; wss needs it */
    double timeout;        /* seconds to connect and to be accepted, 0: 30 */
    void *reserved[8];     /* zero */
} bide_websocket_options;

/* ── Opening ──────────────────────────────────────────────────────────── */

/*
 * bide_websocket_accept — accept a request that asks for a WebSocket.
 *
 * A request that does not, or not rightly, is answered by 400, 403 or 426: the
 * handler just returns the code.
 *
 * Returns:  0 or a negative code.
 *   request   of an HTTP/1.1 server's handler, which has not replied; headers
 *             that it has added are sent
 *   options   copied, and its strings; NULL means the defaults
 *   ret_ws    set on success
 * Suspends: always a cancellation point.
 * Cancel:   the connection is cut off.
 * Errors:   -EPROTO what is wrong with the request; -EACCES for the origin;
 *           -EINVAL for options out of range; -ENOMEM; those of
 *           bide_http_request_upgrade()
 * Owns:     the caller closes it by bide_websocket_close() before the handler
 *           returns.
 * Thread:   the loop's, in the handler's task.
 * Like:     aiohttp.web.WebSocketResponse.prepare.
 * Source:   RFC 6455, 4.2; RFC 7692.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_websocket_accept(bide_http_request *request,
                      const bide_websocket_options *options,
                      bide_websocket **ret_ws);

/*
 * bide_websocket_check_origin — whether a request comes from a page that may
 * connect.
 *
 * Browsers let any page connect to any server and say where the page is from;
 * a server that trusts cookies has to look at that. Programs say nothing, and
 * may connect.
 *
 * Returns:  true if there is no header Origin, or it is in the list.
 *   origins   "https://example.org, https://example.net:8443"; "same" stands
 *             for the host that the request is made to
 * Suspends: never.
 * Thread:   the loop's.
 * Source:   RFC 6455, 10.2.
 */
BIDE_API bool bide_websocket_check_origin(const bide_http_request *request,
                                          const char *origins);

/*
 * bide_websocket_connect — connect to a server.
 *
 * Returns:  0 or a negative code.
 *   url       "ws://host:port/path?query" or "wss://..."; borrowed during the
 *             call
 *   options   copied, and its strings; NULL means the defaults
 *   ret_ws    set on success
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing is left.
 * Errors:   -EINVAL for url and options; -EPROTO if the server's answer is not
 *           the one that it must be, with its status in the message; -ETIME;
 *           those of bide_open_connection(); -ENOMEM
 * Owns:     the caller closes it by bide_websocket_close().
 * Thread:   the loop's.
 * Like:     aiohttp.ClientSession.ws_connect.
 * Source:   RFC 6455, 3 and 4.1; RFC 7692.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_websocket_connect(const char *url, const bide_websocket_options *options,
                       bide_websocket **ret_ws);

/* ── Receiving ────────────────────────────────────────────────────────── */

/*
 * bide_websocket_receive — receive a whole message.
 *
 * Returns:  its kind, which is positive; 0 if the peer has closed, and was
 *           answered; or a negative code.
 *   ret_message   filled if positive
 * Suspends: always a cancellation point; does not wait for what has arrived.
 * Cancel:   safe; a message of which a part has come is not lost.
 * Errors:   -EPROTO the peer broke the protocol and was told 1002; -EILSEQ its
 *           text is no UTF-8, 1007; -EMSGSIZE beyond a limit, 1009;
 *           -ETIMEDOUT the peer does not answer pings; BIDE_E_INCOMPLETE it
 *           has gone without a Close; those of bide_stream_read(); -ENOMEM
 * Owns:     the message stays the connection's.
 * Thread:   the loop's. One task receives at a time.
 * Like:     aiohttp.web.WebSocketResponse.receive.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_websocket_receive(bide_websocket *ws,
                       bide_websocket_message *ret_message);

/*
 * bide_websocket_next — wait for the next message, to read it in pieces.
 *
 * For what is larger than memory: no limit on bytes applies. What was not read
 * of the message before is skipped.
 *
 * Returns:  its kind, 0 if the peer has closed, or a negative code.
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing is lost.
 * Errors:   as bide_websocket_receive()
 * Thread:   the loop's. One task receives at a time.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_websocket_next(bide_websocket *ws);

/*
 * bide_websocket_read — read a piece of the message that
 * bide_websocket_next() has found.
 *
 * Returns:  1..len bytes, 0 at the end of the message, or a negative code.
 *   buf, len   the caller's memory, 1..BIDE_IO_MAX bytes
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing is lost.
 * Errors:   as bide_websocket_receive(); -EINVAL without a message; a text
 *           that turns out to be no UTF-8 fails where it does
 * Thread:   the loop's. One task receives at a time.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_websocket_read(bide_websocket *ws, void *buf, size_t len);

/* ── Sending ──────────────────────────────────────────────────────────── */

/*
 * bide_websocket_send — send a message.
 *
 * Returns:  0 when it is copied, or, beyond 16 KiB, when the system has taken
 *           it; or a negative code. That a copied message could not be
 *           delivered is told by later calls.
 *   kind        as of a message that was received
 *   data, len   borrowed during the call; 0..BIDE_IO_MAX / 2 bytes
 * Suspends: always a cancellation point; waits for other messages, and if
 *           `buffer` bytes wait already.
 * Cancel:   the message is not sent, unless it is longer than 16 KiB: then a
 *           part may have been, and the connection can only be closed.
 * Errors:   -EILSEQ for text that is no UTF-8; -EPIPE after a Close, or when
 *           the connection has broken; -ETIME after write_timeout; -EINVAL for
 *           kind and len; -ENOMEM
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     aiohttp.web.WebSocketResponse.send_bytes.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_websocket_send(bide_websocket *ws, enum bide_websocket_kind kind,
                    const void *data, size_t len);

/*
 * bide_websocket_send_text — send a string.
 *
 * Returns:  as bide_websocket_send(), as all that follows.
 *   text   NUL-terminated UTF-8
 * Suspends: always a cancellation point.
 * Cancel:   as bide_websocket_send().
 * Errors:   as bide_websocket_send()
 * Thread:   the loop's.
 * Like:     aiohttp.web.WebSocketResponse.send_str.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_websocket_send_text(bide_websocket *ws, const char *text);

/*
 * bide_websocket_send_binary — send bytes.
 *
 * Returns:  as bide_websocket_send(), as all that follows.
 *   data, len   borrowed during the call
 * Suspends: always a cancellation point.
 * Cancel:   as bide_websocket_send().
 * Errors:   as bide_websocket_send()
 * Thread:   the loop's.
 * Like:     aiohttp.web.WebSocketResponse.send_bytes.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_websocket_send_binary(bide_websocket *ws, const void *data, size_t len);

/*
 * bide_websocket_begin — begin a message that is written in pieces.
 *
 * Other messages wait until bide_websocket_end().
 *
 * Returns:  0 or a negative code; then nothing has begun.
 *   kind   of the message
 * Suspends: always a cancellation point; waits for other messages.
 * Cancel:   safe.
 * Errors:   -EPIPE after a Close; -EINVAL for kind; -ECANCELED
 * Thread:   the loop's.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_websocket_begin(bide_websocket *ws, enum bide_websocket_kind kind);

/*
 * bide_websocket_write — write a piece of the message that was begun.
 *
 * Returns:  0 or a negative code; the message goes on in either case.
 *   data, len   borrowed during the call; a character may be divided between
 *               pieces
 * Suspends: always a cancellation point.
 * Cancel:   as bide_websocket_send(), for the piece.
 * Errors:   as bide_websocket_send(); -EINVAL without a message
 * Thread:   the loop's, in the task that has begun it.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_websocket_write(bide_websocket *ws, const void *data, size_t len);

/*
 * bide_websocket_end — end the message that was begun.
 *
 * Returns:  0 or a negative code. The message has ended in either case; if
 *           the peer cannot be told, the connection can only be closed.
 * Suspends: never.
 * Errors:   -EILSEQ if the text ends within a character; -EPIPE after a Close;
 *           -EINVAL without a message; -ENOMEM
 * Thread:   the loop's, in the task that has begun it.
 */
BIDE_API BIDE_NODISCARD int bide_websocket_end(bide_websocket *ws);

/*
 * bide_websocket_ping — send a ping; the answer is received and dropped.
 *
 * Returns:  0 or a negative code.
 *   data, len   0..125 bytes, copied; may be NULL for 0
 * Suspends: never.
 * Errors:   -EPIPE after a Close; -EINVAL for len; -ENOBUFS if `buffer` bytes
 *           wait already; -ENOMEM
 * Thread:   the loop's.
 * Like:     aiohttp.web.WebSocketResponse.ping.
 */
BIDE_API BIDE_NODISCARD int bide_websocket_ping(bide_websocket *ws,
                                                const void *data, size_t len);

/*
 * bide_websocket_buffered — how much waits to be written.
 *
 * A program that sends the same to many can pass over those that are slow.
 *
 * Returns:  bytes.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     bufferedAmount of browsers.
 */
BIDE_API size_t bide_websocket_buffered(const bide_websocket *ws);

/* ── Closing and looking ──────────────────────────────────────────────── */

/*
 * bide_websocket_shutdown — send a Close; what the peer still sends can be
 * received.
 *
 * For other tasks than the one that receives: that gets 0 once the peer has
 * answered, or -ETIME after close_timeout, and closes.
 *
 * Returns:  0 or a negative code. A second one does nothing.
 *   code     0: none; 1000 to 1003, 1007 to 1014 or 3000 to 4999
 *   reason   UTF-8, at most 123 bytes; NULL: none
 * Suspends: never.
 * Errors:   -EINVAL, -EILSEQ for code and reason; -EPIPE if the connection has
 *           broken; -ENOMEM
 * Thread:   the loop's.
 */
BIDE_API BIDE_NODISCARD int bide_websocket_shutdown(bide_websocket *ws,
                                                    int code,
                                                    const char *reason);

/*
 * bide_websocket_close — close and release: a Close is sent if none was, and
 * the peer's is waited for, for close_timeout.
 *
 * What was sent before is delivered; messages that still arrive are dropped.
 *
 * Returns:  0; or a negative code after the same steps.
 *   ws             NULL is allowed; no other call may be in progress
 *   code, reason   as for bide_websocket_shutdown(), which is called
 * Suspends: always a cancellation point.
 * Cancel:   the connection is cut off, and released all the same.
 * Errors:   -ECANCELED; -EINVAL, -EILSEQ for code and reason
 * Owns:     takes ws. The stream of a handler is closed by its server.
 * Thread:   the loop's.
 * Like:     aiohttp.web.WebSocketResponse.close.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_websocket_close(bide_websocket *ws, int code, const char *reason);

/*
 * bide_websocket_close_code — why the peer has closed.
 *
 * Returns:  its number; 1005 if it gave none; 1006 if it has gone, or was
 *           refused, without a Close; 0 while it has not closed.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     aiohttp.web.WebSocketResponse.close_code.
 */
BIDE_API int bide_websocket_close_code(const bide_websocket *ws);

/*
 * bide_websocket_close_reason — what the peer has said to it.
 *
 * Returns:  its text, "" if there is none; the connection's.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API const char *bide_websocket_close_reason(const bide_websocket *ws);

/*
 * bide_websocket_protocol — the subprotocol that both sides speak.
 *
 * Returns:  its name, "" without; the connection's.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     aiohttp.web.WebSocketResponse.ws_protocol.
 */
BIDE_API const char *bide_websocket_protocol(const bide_websocket *ws);

/*
 * bide_websocket_compressed — whether permessage-deflate was agreed upon.
 *
 * Returns:  true if so.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API bool bide_websocket_compressed(const bide_websocket *ws);

/*
 * bide_websocket_stream — the stream below, to look at: its addresses, its
 * TLS.
 *
 * Returns:  the stream; it is not to be read, written or closed.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API const bide_stream *bide_websocket_stream(const bide_websocket *ws);

BIDE_END

#endif
