/* SPDX-License-Identifier: MIT */
/*
 * connection.c — one request after the other on a connection.
 *
 *     idle ──first byte──► head ──► handler ──► rest of the body ──┐
 *      ▲                    │ refused: 4xx, close                  │
 *      └────────────────────┴──────────── reply sent ◄─────────────┘
 *
 * While replies wait in `out` for those of requests that have arrived already,
 * a callback is scheduled: should the task wait before it has sent them, for
 * whatever a handler waits, another task does.
 *
 * Invariant: `out` is written by the connection's task, or by the sender as
 * long as there is one; the task awaits it before it writes itself.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include <bide/timeout.h>

#include "http/http2/http2.h"
#include "http/server/server.h"

#define SPARE_MOST 65536 /* bytes of memory that is kept for replies */
#define PIECES 4       /* of a write, the head's included */
#define LINGER 1.0     /* seconds for a client to read the last reply */
#define LINGER_MOST 262144 /* bytes that it may still send */

/* ── Sending ──────────────────────────────────────────────────────────── */

static int write_in_time(struct bide__http_connection *connection,
                         const struct iovec *iov, size_t count)
{
    struct bide__http_deadline *deadline = &connection->deadline;
    bide_stream *stream = connection->stream;
    double seconds = connection->server->options.write_timeout;
    bide__http_wait_until(deadline, bide__http_now(deadline) + seconds);
    int rc = count == 1
                 ? bide_stream_write(stream, iov->iov_base, iov->iov_len)
                 : bide_stream_writev(stream, iov, count);
    return bide__http_waited(deadline, rc);
}

static int await_sender(struct bide__http_connection *connection)
{
    bide_task *sender = connection->sender;
    connection->sender = NULL;
    return sender ? bide_await(sender) : 0;
}

static void disarm(struct bide__http_connection *connection)
{
    if (connection->armed)
        (void)bide_handle_cancel(&connection->handle);
    connection->armed = false;
}

int bide__http_send(struct bide__http_connection *connection,
                    const struct iovec *more, size_t count)
{
    struct iovec iov[PIECES];
    disarm(connection);
    int rc = await_sender(connection);
    if (rc < 0)
        return rc;
    size_t used = 0;
    struct bide__bytes *out = &connection->out;
    if (out->len > 0)
        iov[used++] = (struct iovec){out->data, out->len};
    for (size_t i = 0; i < count; i++)
        iov[used++] = more[i];
    if (used == 0)
        return 0;
    rc = write_in_time(connection, iov, used);
    out->len = 0;
    return rc;
}

static int send_out(void *arg)
{
    struct bide__http_connection *connection = arg;
    struct bide__bytes out = connection->out;
    bide_timeout timeout;
    connection->out = (struct bide__bytes){.data = NULL};
    bide_timeout_enter(&timeout, connection->server->options.write_timeout);
    int rc = bide_stream_write(connection->stream, out.data, out.len);
    rc = bide_timeout_exit(&timeout, rc);
    bide__bytes_free(&out);
    return rc;
}

/* The task waits while replies are unsent. Without memory for another they
 * are sent when it goes on. */
static void send_meanwhile(void *arg)
{
    struct bide__http_connection *connection = arg;
    connection->armed = false;
    if (connection->sender || connection->out.len == 0)
        return;
    connection->sender = bide_create_task(send_out, connection);
}

void bide__http_send_soon(struct bide__http_connection *connection)
{
    if (connection->armed || connection->out.len == 0)
        return;
    connection->armed = bide_loop_call_soon(bide_loop_current(),
                                            &connection->handle,
                                            send_meanwhile, connection) == 0;
}

/* ── Receiving a head ─────────────────────────────────────────────────── */

static ssize_t peek_until(struct bide__http_connection *connection,
                          size_t least, double when, const char **ret_data)
{
    struct bide__http_deadline *deadline = &connection->deadline;
    bide__http_wait_until(deadline, when);
    ssize_t n = bide_stream_peek(connection->stream, least, ret_data);
    int rc = bide__http_waited(deadline, n < 0 ? (int)n : 0);
    return rc < 0 ? rc : n;
}

/* An idle connection has no memory for replies: the next busy one uses it. */
static void give_spare(struct bide__http_connection *connection)
{
    bide_http_server *server = connection->server;
    struct bide__bytes *out = &connection->out;
    if (!out->data)
        return;
    if (server->spare.data || out->cap > SPARE_MOST) {
        bide__bytes_free(out);
        return;
    }
    server->spare = *out;
    *out = (struct bide__bytes){.data = NULL};
}

/* Wait for a request's first byte. Returns how many bytes are there, 0 at the
 * end of the connection, or a negative code. */
static ssize_t await_request(struct bide__http_connection *connection,
                             const char **ret_data)
{
    bide_http_server *server = connection->server;
    if (connection->ahead > 0) /* it is there */
        return bide_stream_peek(connection->stream, 1, ret_data);
    give_spare(connection);
    if (server->stopping)
        return 0;
    connection->idle = true;
    ssize_t n = peek_until(connection, 1,
                           bide__http_now(&connection->deadline) +
                               server->options.idle_timeout,
                           ret_data);
    connection->idle = false;
    return n == -ETIME ? 0 : n;
}

/* An empty line before a request is an old client's mistake: RFC 9112, 2.2. */
static ssize_t skip_empty_line(struct bide__http_connection *connection,
                               ssize_t n, double when, const char **ret_data)
{
    if ((*ret_data)[0] != '\r')
        return n;
    if (n < 2)
        n = peek_until(connection, 2, when, ret_data);
    if (n < 2 || (*ret_data)[1] != '\n')
        return n;
    bide_stream_skip(connection->stream, 2);
    return peek_until(connection, 1, when, ret_data);
}

/* HTTP/2 begins with words that are no request (RFC 9113, 3.4). Whether they
 * are there, once enough has arrived to tell. */
static ssize_t await_preface(struct bide__http_connection *connection,
                             ssize_t n, double when, const char **ret_data)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const size_t len = sizeof preface - 1;
    if (connection->served > 0 || connection->server->options.no_http2)
        return n;
    while (n > 0 && (size_t)n < len &&
           memcmp(*ret_data, preface, (size_t)n) == 0) {
        ssize_t before = n;
        n = peek_until(connection, (size_t)n + 1, when, ret_data);
        if (n == before)
            return 0;
    }
    connection->is_http2 =
        n >= (ssize_t)len && memcmp(*ret_data, preface, len) == 0;
    return connection->is_http2 ? 0 : n;
}

/* Returns the head's length; 0 at the end of the connection; a status that
 * refuses it, negative and above -1000; or a code below. */
static ssize_t receive_head(struct bide__http_connection *connection,
                            const char **ret_data, unsigned *ret_lines)
{
    const bide_http_server_options *options = &connection->server->options;
    ssize_t n = await_request(connection, ret_data);
    if (n <= 0)
        return n;
    double begin = bide__http_now(&connection->deadline);
    double when = begin + options->head_timeout;
    connection->request.deadline = begin + options->request_timeout;
    n = await_preface(connection, n, when, ret_data);
    if (n > 0)
        n = skip_empty_line(connection, n, when, ret_data);
    for (;;) {
        if (n <= 0)
            return n == -ETIME ? -408 : n;
        int head = bide__http_find_head(*ret_data, (size_t)n, options->head,
                                        ret_lines);
        if (head < 0)
            return head;
        connection->ahead = (size_t)(n - head);
        if (head > 0)
            return head;
        if (connection->out.len > 0) {
            int rc = bide__http_send(connection, NULL, 0);
            if (rc < 0)
                return rc;
        }
        ssize_t before = n;
        n = peek_until(connection, (size_t)n + 1, when, ret_data);
        if (n == before)
            return 0; /* the client has left in the middle */
    }
}

/* ── One request ──────────────────────────────────────────────────────── */

static void reset(struct bide__http_connection *connection)
{
    bide_http_request *request = &connection->request;
    bide__http_end_request(request);
    if (request->fields && (char *)request->fields != request->memory)
        bide_release(request->fields);
    if (request->memory != connection->head)
        bide_release(request->memory);
    bide_release(request->body);
    bide_release(request->trailers);
    bide__bytes_free(&request->headers);
    bide__bytes_free(&request->reply_trailers);
    memset(request, 0, sizeof *request);
    request->exchange = &bide__http1_exchange;
    request->server = connection->server;
    request->stream = connection->stream;
    request->connection = connection;
    request->version = 11; /* until the head says */
}

/* Give the client time to read the reply: closing a socket with bytes that
 * were not read would reset the connection under it. */
static int linger(struct bide__http_connection *connection)
{
    char buf[4096];
    bide_timeout timeout;
    if (bide_stream_write_eof(connection->stream) < 0)
        return 0; /* it has gone */
    bide_timeout_enter(&timeout, LINGER);
    ssize_t n = 1;
    for (size_t got = 0; n > 0 && got < LINGER_MOST; got += (size_t)n)
        n = bide_stream_read(connection->stream, buf, sizeof buf);
    int rc = bide_timeout_exit(&timeout, n < 0 ? (int)n : 0);
    return rc == -ECANCELED ? rc : 0;
}

/* Say why. */
static int refuse(struct bide__http_connection *connection, int status)
{
    int rc = bide__http_refuse(&connection->request, status);
    bide__http_end_request(&connection->request); /* while it is connected */
    connection->last = true;
    if (rc < 0 || (connection->request.complete && connection->ahead == 0))
        return rc;
    return linger(connection);
}

/* The handler has returned a negative code. */
static int fail(struct bide__http_connection *connection, int code)
{
    bide_http_request *request = &connection->request;
    connection->last = true;
    if (request->replied || code == -ECANCELED ||
        code == BIDE_E_INCOMPLETE) {
        if (connection->server->server) /* else its owner closes it */
            bide_stream_abort(connection->stream);
        connection->gone = true;
        return code == BIDE_E_INCOMPLETE ? 0 : code;
    }
    bool clients = code == request->failed;
    int rc = refuse(connection, bide__http_status_of_failure(request));
    return rc < 0 || clients ? rc : code;
}

static int handle(struct bide__http_connection *connection)
{
    bide_http_server *server = connection->server;
    bide_http_request *request = &connection->request;
    if (request->framing == BIDE__BODY_LENGTH &&
        request->left > server->options.body)
        return refuse(connection, 413);
    connection->served++;
    if (request->framing != BIDE__BODY_NONE)
        connection->ahead = 0; /* it is the body */
    int rc = bide__http_call_handler(request);
    if (request->upgraded) {
        connection->last = connection->gone = true;
        return rc;
    }
    if (rc < 0 && rc == request->denied)
        rc = 0;
    if (rc >= 0)
        rc = bide__http_check_reply(request);
    if (rc >= 0)
        rc = bide__http_finish_reply(request);
    if (rc < 0)
        return fail(connection, rc);
    if (request->complete ||
        (!connection->last && bide__http_drain(request)))
        return 0;
    connection->last = true;
    rc = bide__http_send(connection, NULL, 0); /* of requests before it */
    return rc < 0 ? rc : linger(connection);
}

/* What begins with neither a method nor a version that anybody has heard of is
 * another protocol, and would take our answer for something of its own. */
static bool is_foreign(const struct bide__http_connection *connection,
                       const char *data, size_t len)
{
    const char *end = memchr(data, '\r', len);
    size_t line = end ? (size_t)(end - data) : len;
    return connection->served == 0 && !memmem(data, line, " HTTP/", 6) &&
           !bide__http_knows_method(data, line);
}

static int serve_one(struct bide__http_connection *connection)
{
    const char *data;
    unsigned lines;
    bide_http_request *request = &connection->request;
    reset(connection);
    ssize_t n = receive_head(connection, &data, &lines);
    if (n == 0)
        connection->last = true;
    if (n == 0)
        return 0;
    int rc = n < 0 ? (int)n : bide__http_parse_head(request, data, (size_t)n,
                                                    lines);
    if (rc == -400 && n > 0 && is_foreign(connection, data, (size_t)n)) {
        connection->last = true;
        return 0;
    }
    if (rc < 0)
        return rc <= -400 && rc >= -599 ? refuse(connection, -rc) : rc;
    bide_stream_skip(connection->stream, (size_t)n);
    return handle(connection);
}

/* ── The connection ───────────────────────────────────────────────────── */

static void enlist(struct bide__http_connection *connection)
{
    bide_http_server *server = connection->server;
    connection->next = server->connections;
    connection->place = &server->connections;
    if (connection->next)
        connection->next->place = &connection->next;
    server->connections = connection;
}

static void delist(struct bide__http_connection *connection)
{
    *connection->place = connection->next;
    if (connection->next)
        connection->next->place = connection->place;
}

int bide__http_converse(bide_stream *stream, void *arg)
{
    struct bide__http_connection connection;
    memset(&connection, 0, offsetof(struct bide__http_connection, head));
    connection.server = arg;
    connection.stream = stream;
    connection.task = bide_current_task();
    bide__http_deadline_init(&connection.deadline,
                             &connection.server->options);
    connection.request.connection = &connection;
    enlist(&connection);
    int rc = 0;
    while (rc == 0 && !connection.last)
        rc = serve_one(&connection);
    if (rc == 0 && connection.is_http2)
        rc = bide__http2_converse(&connection);
    if (rc == BIDE_E_TLS_TRUNCATED) /* requests tell their own ends */
        rc = 0;
    if (rc == 0 && !connection.gone && connection.out.len > 0)
        rc = bide__http_send(&connection, NULL, 0);
    disarm(&connection);
    int sent = await_sender(&connection);
    reset(&connection);
    bide__bytes_free(&connection.out);
    bide__http_deadline_fini(&connection.deadline);
    delist(&connection);
    return rc < 0 ? rc : sent;
}
