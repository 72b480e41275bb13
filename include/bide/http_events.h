/* SPDX-License-Identifier: MIT */
/*
 * <bide/http_events.h> — server-sent events: a reply that goes on, one text
 * after the other. Link with libbide-http (pkg-config bide-http).
 *
 * A handler sends them:
 *
 *     int rc = bide_http_events_begin(request);
 *     while (rc == 0) {
 *         const bide_http_event event = {.event = "tick", .data = "1"};
 *         rc = bide_http_events_send(request, &event);
 *         if (rc == 0)
 *             rc = bide_sleep(1);
 *     }
 *
 * and a client of <bide/http_client.h> receives them:
 *
 *     bide_http_events *events;
 *     bide_http_event event;
 *     rc = bide_http_events_open(response, &events);
 *     while ((rc = bide_http_events_next(events, &event)) > 0)
 *         printf("%s: %s\n", event.event, event.data);
 *     bide_http_events_close(events);
 *
 * The format is that of the WHATWG's standard for HTML, 9.2, which browsers
 * read by EventSource.
 */
#ifndef BIDE_HTTP_EVENTS_H
#define BIDE_HTTP_EVENTS_H

#include <bide/http_client.h>
#include <bide/http_server.h>

BIDE_BEGIN

/* One event. What is sent leaves out what it does not need. */
typedef struct bide_http_event {
    const char *event; /* its kind; sent: NULL means "message" */
    const char *data;  /* lines of text; sent: NULL is an event without any,
                          which only moves id and retry */
    const char *id;    /* sent: NULL does not change it; received: the last
                          one, "" if there was none */
    double retry;      /* seconds until the client may connect again; 0: not
                          said */
} bide_http_event;

/* Bytes of an event that is received, unless told otherwise. */
#define BIDE_HTTP_EVENT_MAX 1048576

/* ── Sending ──────────────────────────────────────────────────────────── */

/*
 * bide_http_events_begin — begin a reply of events: its headers go out.
 *
 * Returns:  0 or a negative code.
 *   request   which has not been replied to
 * Suspends: always a cancellation point.
 * Cancel:   the connection is cut off.
 * Errors:   as bide_http_reply_begin() and bide_http_reply_write()
 * Thread:   the loop's, in the handler's task.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_http_events_begin(bide_http_request *request);

/*
 * bide_http_events_send — send an event.
 *
 * Returns:  0 when the system has taken it, or a negative code.
 *   event   borrowed during the call; lines of data end in CR, LF or both
 * Suspends: always a cancellation point.
 * Cancel:   the connection is cut off.
 * Errors:   -EINVAL for a kind or an id with the end of a line, and for retry;
 *           -ENOMEM; those of bide_http_reply_write()
 * Thread:   the loop's, in the handler's task.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_http_events_send(bide_http_request *request,
                      const bide_http_event *event);

/*
 * bide_http_events_comment — send what clients ignore, to keep the connection
 * alive: proxies drop those that are silent for long.
 *
 * Returns:  0 when the system has taken it, or a negative code.
 *   text   without ends of lines; "" will do
 * Suspends: always a cancellation point.
 * Cancel:   the connection is cut off.
 * Errors:   -EINVAL for text; -ENOMEM; those of bide_http_reply_write()
 * Thread:   the loop's, in the handler's task.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_http_events_comment(bide_http_request *request, const char *text);

/*
 * bide_http_events_last_id — the last event that a client has had before it
 * lost the connection.
 *
 * Returns:  the value of Last-Event-ID, "" without; the request's.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API const char *
bide_http_events_last_id(const bide_http_request *request);

/* ── Receiving ────────────────────────────────────────────────────────── */

typedef struct bide_http_events bide_http_events;

/*
 * bide_http_events_open — read events from a response.
 *
 * Returns:  0 or a negative code.
 *   response     borrowed until the events are closed
 *   ret_events   set on success
 * Suspends: never.
 * Errors:   -EPROTO if the response is not one of events, with its status and
 *           its type in the message; -ENOMEM
 * Owns:     the caller closes the events by bide_http_events_close().
 * Thread:   the loop's.
 * Like:     EventSource of browsers, without connecting again.
 */
BIDE_API BIDE_NODISCARD int
bide_http_events_open(bide_http_response *response,
                      bide_http_events **ret_events);

/*
 * bide_http_events_open_source — read events from anything.
 *
 * Returns:  0 or a negative code.
 *   read, arg    called for more bytes, as that of a body that is sent
 *   most         bytes of an event, 0: BIDE_HTTP_EVENT_MAX
 *   ret_events   set on success
 * Suspends: never.
 * Errors:   -ENOMEM
 * Owns:     the caller closes the events by bide_http_events_close().
 * Thread:   the loop's.
 */
BIDE_API BIDE_NODISCARD int
bide_http_events_open_source(bide_http_source *read, void *arg, size_t most,
                             bide_http_events **ret_events);

/*
 * bide_http_events_next — wait for the next event.
 *
 * Returns:  1; 0 at the end; or a negative code.
 *   ret_event   filled if 1; what it points to is the events' until the next
 *               call. Its retry is the last that was said.
 * Suspends: always a cancellation point.
 * Cancel:   safe if the source is; nothing is lost.
 * Errors:   -EMSGSIZE an event is larger than it may be; -ENOMEM; those of the
 *           source
 * Thread:   the loop's. One task reads at a time.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_http_events_next(bide_http_events *events, bide_http_event *ret_event);

/*
 * bide_http_events_close — end reading; the response stays open.
 *
 *   events   NULL is allowed
 * Suspends: never.
 * Owns:     takes the events.
 * Thread:   the loop's.
 */
BIDE_API void bide_http_events_close(bide_http_events *events);

BIDE_END

#endif
