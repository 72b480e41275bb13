/* SPDX-License-Identifier: MIT */
/*
 * send.c — one request and the head of its response on HTTP/1.1.
 *
 * A request with little or no body goes out in one write. For a larger body
 * there is a task that sends, so that a server that refuses it is heard at
 * once, and does not have to read it all:
 *
 *     sender:  head, body …                (cancelled if nobody wants it)
 *     caller:  ………………… response's head
 *
 * If the server answers while it still wants the rest, as one does that sends
 * back what it gets, the caller collects the response until all is sent: both
 * sides would wait for each other otherwise.
 *
 * The task has ended when bide__exchange() returns. A connection on which a
 * body was left unsent is not used again.
 */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/uio.h>

#include "http/client/client.h"

#define AT_ONCE 65536 /* bytes of a body that go out with the head */
#define PIECE 32768

/* ── The head ─────────────────────────────────────────────────────────── */

static int add(struct bide__bytes *out, const char *text)
{
    return bide__bytes_add(out, text, strlen(text));
}

static int write_line(struct bide__call *call, struct bide__bytes *out)
{
    const struct bide__url *url = &call->url;
    const char *host = bide__headers_host(call);
    bool whole = call->proxy && !url->secure; /* RFC 9112, 3.2.2 */
    const char *target = url->text + (whole ? 0 : url->target);
    int rc = add(out, call->method);
    if (rc == 0)
        rc = bide__bytes_add(out, " ", 1);
    if (rc == 0)
        rc = bide__bytes_add(out, target,
                             (size_t)(url->text + url->len - target));
    if (rc == 0)
        rc = bide__bytes_add(out, " HTTP/1.1\r\nHost: ", 17);
    if (rc == 0 && host)
        rc = add(out, host);
    else if (rc == 0)
        rc = bide__bytes_add(out, url->text + url->authority,
                             url->target - url->authority);
    return rc < 0 ? rc : bide__bytes_add(out, "\r\n", 2);
}

static bool expects_body(const char *method)
{
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
           strcmp(method, "PATCH") == 0;
}

static int write_framing(const struct bide__call *call,
                         struct bide__bytes *out)
{
    const struct bide__content *content = &call->content;
    if (call->no_body || !content->any)
        return expects_body(call->method) ? add(out, "Content-Length: 0\r\n")
                                          : 0;
    if (content->length < 0)
        return add(out, "Transfer-Encoding: chunked\r\n");
    int rc = add(out, "Content-Length: ");
    if (rc == 0)
        rc = bide__bytes_add_number(out, (uint64_t)content->length);
    return rc < 0 ? rc : add(out, "\r\n");
}

static int write_head(struct bide__call *call, struct bide__bytes *out)
{
    out->len = 0;
    int rc = write_line(call, out);
    if (rc == 0)
        rc = bide__headers_write(call, out);
    if (rc == 0 && call->proxy && !call->url.secure)
        rc = bide__proxy_add_authorization(call->proxy, out);
    if (rc == 0)
        rc = write_framing(call, out);
    return rc < 0 ? rc : bide__bytes_add(out, "\r\n", 2);
}

/* A server may have refused, and closed the connection, before it took all:
 * what it said counts. */
static bool may_have_answered(int rc)
{
    return rc == -EPIPE || rc == -ECONNRESET;
}

/* ── The task that sends ──────────────────────────────────────────────── */

struct sender {
    struct bide__call *call;
    struct bide__link *link;
    bide_timeout *waiting; /* what the caller waits in */
    bide_task *task;
    bool absorbing;        /* the caller wants to know the end */
    bool done;
    int failed;            /* and how; what the peer does shows when the
                              response is read */
    uint64_t sent;
};

static int wrong_length(const struct sender *sender)
{
    return bide_raise(-EMSGSIZE, "the source of the body gave %llu bytes, "
                                 "%lld were announced",
                      (unsigned long long)sender->sent,
                      (long long)sender->call->content.length);
}

/* "size CR LF data CR LF" around a piece, whose memory has room before it. */
static int send_piece(struct sender *sender, char *data, size_t len)
{
    struct bide__content *content = &sender->call->content;
    sender->sent += len;
    if (content->length >= 0) {
        if (sender->sent > (uint64_t)content->length)
            return wrong_length(sender);
        return bide_stream_write(sender->link->stream, data, len);
    }
    static const char digits[] = "0123456789abcdef";
    char *begin = data;
    memcpy(data + len, "\r\n", 2);
    *--begin = '\n';
    *--begin = '\r';
    for (size_t n = len; n > 0; n >>= 4)
        *--begin = digits[n & 15];
    return bide_stream_write(sender->link->stream, begin,
                             (size_t)(data + len + 2 - begin));
}

static int send_source(struct sender *sender, char *buf)
{
    struct bide__content *content = &sender->call->content;
    content->begun = true;
    for (;;) {
        char *data = buf + 16;
        ssize_t n = content->source(content->source_arg, data, PIECE);
        if (n < 0)
            return (int)n;
        if (n == 0)
            break;
        int rc = send_piece(sender, data, (size_t)n);
        if (rc < 0)
            return rc;
    }
    if (content->length < 0)
        return bide_stream_write(sender->link->stream, "0\r\n\r\n", 5);
    return sender->sent == (uint64_t)content->length ? 0
                                                     : wrong_length(sender);
}

static int send_body(struct sender *sender)
{
    const struct bide__content *content = &sender->call->content;
    const struct bide__bytes *head = &sender->link->out;
    int rc = bide_stream_write(sender->link->stream, head->data, head->len);
    if (rc < 0)
        return rc;
    if (!content->source)
        return bide_stream_write(sender->link->stream, content->data,
                                 content->len);
    char *buf = bide_allocate(PIECE + 32);
    rc = buf ? send_source(sender, buf) : -ENOMEM;
    bide_release(buf);
    return rc;
}

static int run_sender(void *arg)
{
    struct sender *sender = arg;
    int rc = send_body(sender);
    sender->done = true;
    if (rc < 0 && !may_have_answered(rc))
        sender->failed = rc;
    if (sender->waiting && (sender->failed < 0 || sender->absorbing))
        bide_timeout_reschedule(sender->waiting, 0);
    return rc;
}

/* The task has to end before its memory goes. */
static int end_sender(struct sender *sender, bool cancel)
{
    bide_task *task = sender->task;
    if (cancel)
        (void)bide_task_cancel(task);
    sender->task = NULL;
    return bide_await(task);
}

/* One read, which the end of the sender interrupts. */
static int absorb_some(struct sender *sender, bide_http_response *response)
{
    struct bide__bytes *early = &response->early;
    bide_timeout waiting;
    int rc = bide__bytes_reserve(early, PIECE);
    if (rc < 0)
        return rc;
    bide_timeout_enter(&waiting, INFINITY);
    sender->waiting = &waiting;
    ssize_t n = bide__body_read(response, early->data + early->len, PIECE);
    rc = bide_timeout_exit(&waiting, n < 0 ? (int)n : 0);
    sender->waiting = NULL;
    early->len += n > 0 ? (size_t)n : 0;
    return rc == -ETIME ? 0 : rc;
}

static int absorb(struct sender *sender, bide_http_response *response)
{
    size_t most = response->session->options.body;
    int rc = 0;
    sender->absorbing = true;
    while (rc == 0 && !sender->done && !response->complete &&
           response->framing != BIDE__BODY_NONE && response->early.len < most)
        rc = absorb_some(sender, response);
    return rc;
}

static int exchange_by_task(struct bide__call *call, struct bide__link *link,
                            bide_http_response *response, bool *ret_begun)
{
    bide_timeout waiting;
    struct sender sender = {.call = call, .link = link, .waiting = &waiting};
    bide_timeout_enter(&waiting, INFINITY);
    sender.task = bide_create_task(run_sender, &sender);
    int rc = sender.task ? bide__head_read(response, ret_begun) : -ENOMEM;
    rc = bide_timeout_exit(&waiting, rc);
    sender.waiting = NULL;
    if (!sender.task)
        return rc;
    bool wanted = rc == 0 && response->status < 300;
    response->held = true;
    if (wanted)
        rc = absorb(&sender, response);
    bool unsent = !sender.done && (!wanted || rc < 0 || response->complete);
    int sent = end_sender(&sender, unsent);
    response->held = false;
    if (sent < 0)
        response->keep = false;
    if (sender.failed < 0 && !unsent)
        return bide_raise(sender.failed, "%s", bide_errmsg(sent));
    if (rc == 0 && response->complete)
        bide__response_complete(response);
    return rc;
}

/* ── Together ─────────────────────────────────────────────────────────── */

static int send_at_once(struct bide__call *call, struct bide__link *link)
{
    const struct bide__content *content = &call->content;
    struct iovec iov[2] = {{link->out.data, link->out.len}};
    if (call->no_body || content->len == 0)
        return bide_stream_write(link->stream, link->out.data, link->out.len);
    iov[1] = (struct iovec){(void *)(uintptr_t)content->data, content->len};
    return bide_stream_writev(link->stream, iov, 2);
}

int bide__exchange(struct bide__call *call, struct bide__link *link,
                   bide_http_response *response, bool *ret_begun)
{
    const struct bide__content *content = &call->content;
    int rc = write_head(call, &link->out);
    if (rc < 0)
        return rc;
    response->keep = true;
    if (!call->no_body && (content->source || content->len > AT_ONCE))
        return exchange_by_task(call, link, response, ret_begun);
    int sent = send_at_once(call, link);
    if (sent < 0 && !may_have_answered(sent))
        return sent;
    rc = bide__head_read(response, ret_begun);
    if (sent < 0)
        response->keep = false;
    return rc < 0 && sent < 0 ? sent : rc;
}
