/* SPDX-License-Identifier: MIT */
/*
 * writer.c — server-sent events as a server sends them.
 *
 * An event is made whole and goes out in one write. Each line of its data gets
 * a field of its own; a kind or an id with the end of a line could smuggle in
 * other fields, and is refused.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include <bide/http_events.h>

#include "http/message.h"

#define ADD(bytes, text) bide__bytes_add(bytes, text, sizeof(text) - 1)
#define RETRY_MOST 4e9 /* seconds, which are sent as milliseconds */

int bide_http_events_begin(bide_http_request *request)
{
    int rc = bide_http_reply_header(request, "Cache-Control", "no-store");
    if (rc == 0)
        rc = bide_http_reply_begin(request, 200, "text/event-stream", -1);
    return rc == 0 ? bide_http_reply_write(request, NULL, 0) : rc;
}

static int add_field(struct bide__bytes *out, const char *name,
                     const char *value, size_t len)
{
    int rc = bide__bytes_add(out, name, strlen(name));
    if (rc == 0)
        rc = ADD(out, ": ");
    if (rc == 0)
        rc = bide__bytes_add(out, value, len);
    return rc == 0 ? ADD(out, "\n") : rc;
}

static int add_word(struct bide__bytes *out, const char *name,
                    const char *value)
{
    if (!value)
        return 0;
    if (strpbrk(value, "\r\n"))
        return bide_raise(-EINVAL, "the %s of an event has the end of a line",
                          *name ? name : "comment");
    return add_field(out, name, value, strlen(value));
}

static int add_lines(struct bide__bytes *out, const char *data)
{
    for (;;) {
        size_t len = strcspn(data, "\r\n");
        int rc = add_field(out, "data", data, len);
        if (rc < 0 || data[len] == '\0')
            return rc;
        data += len + 1 + (data[len] == '\r' && data[len + 1] == '\n');
    }
}

static int add_retry(struct bide__bytes *out, double retry)
{
    if (!(retry >= 0 && retry <= RETRY_MOST))
        return bide_raise(-EINVAL, "retry is %g s, must be 0 to %g", retry,
                          RETRY_MOST);
    if (retry == 0)
        return 0;
    int rc = ADD(out, "retry: ");
    if (rc == 0)
        rc = bide__bytes_add_number(out, (uint64_t)ceil(retry * 1e3));
    return rc == 0 ? ADD(out, "\n") : rc;
}

static int make_event(struct bide__bytes *out, const bide_http_event *event)
{
    int rc = add_word(out, "event", event->event);
    if (rc == 0)
        rc = add_word(out, "id", event->id);
    if (rc == 0)
        rc = add_retry(out, event->retry);
    if (rc == 0 && event->data)
        rc = add_lines(out, event->data);
    return rc == 0 ? ADD(out, "\n") : rc;
}

static int send_out(bide_http_request *request, struct bide__bytes *out,
                    int rc)
{
    if (rc == 0)
        rc = bide_http_reply_write(request, out->data, out->len);
    bide__bytes_free(out);
    return rc;
}

int bide_http_events_send(bide_http_request *request,
                          const bide_http_event *event)
{
    struct bide__bytes out = {.data = NULL};
    return send_out(request, &out, make_event(&out, event));
}

int bide_http_events_comment(bide_http_request *request, const char *text)
{
    struct bide__bytes out = {.data = NULL};
    int rc = add_word(&out, "", text);
    if (rc == 0)
        rc = ADD(&out, "\n");
    return send_out(request, &out, rc);
}

const char *bide_http_events_last_id(const bide_http_request *request)
{
    const char *id = bide_http_request_header(request, "last-event-id");
    return id ? id : "";
}
