/* SPDX-License-Identifier: MIT */
/*
 * reader.c — server-sent events as a client reads them: HTML, 9.2.6.
 *
 * Lines end in LF, CR, or CR LF, also if that is divided between two reads: a
 * LF behind a CR that ended a line is dropped. A line is collected, and its
 * field goes to the event; the empty line ends that.
 *
 * A call that is cancelled leaves what has come for the next one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bide/http_events.h>

#include "http/message.h"

struct bide_http_events {
    bide_http_source *read;
    void *arg;
    size_t most;            /* bytes of an event */
    size_t begin, end;      /* of what was read and not parsed */
    bool any;               /* some byte has been parsed: no mark follows */
    bool after_cr;
    bool returned;          /* the event is the caller's; clear it next */
    struct bide__bytes line, data, kind, id;
    double retry;
    char in[2048];
};

/* ── Opening ──────────────────────────────────────────────────────────── */

int bide_http_events_open_source(bide_http_source *read, void *arg, size_t most,
                                 bide_http_events **ret_events)
{
    bide_http_events *events = bide_allocate(sizeof *events);
    if (!events)
        return -ENOMEM;
    memset(events, 0, offsetof(bide_http_events, in));
    events->read = read;
    events->arg = arg;
    events->most = most ? most : BIDE_HTTP_EVENT_MAX;
    *ret_events = events;
    return 0;
}

static ssize_t read_response(void *arg, void *buf, size_t len)
{
    return bide_http_response_read(arg, buf, len);
}

int bide_http_events_open(bide_http_response *response,
                          bide_http_events **ret_events)
{
    static const char expected[] = "text/event-stream";
    const char *type = bide_http_response_header(response, "content-type");
    int status = bide_http_response_status(response);
    type = type ? type : "";
    size_t len = strcspn(type, "; \t");
    if (status != 200 || len != sizeof expected - 1 ||
        strncasecmp(type, expected, len) != 0)
        return bide_raise(-EPROTO,
                          "the response has status %d and type \"%.80s\", "
                          "must have 200 and \"%s\"",
                          status, type, expected);
    return bide_http_events_open_source(read_response, response, 0,
                                        ret_events);
}

void bide_http_events_close(bide_http_events *events)
{
    if (!events)
        return;
    bide__bytes_free(&events->line);
    bide__bytes_free(&events->data);
    bide__bytes_free(&events->kind);
    bide__bytes_free(&events->id);
    bide_release(events);
}

/* ── Fields ───────────────────────────────────────────────────────────── */

static int set(struct bide__bytes *bytes, const char *value, size_t len)
{
    bytes->len = 0;
    return bide__bytes_add(bytes, value, len);
}

static int add_data(bide_http_events *events, const char *value, size_t len)
{
    struct bide__bytes *data = &events->data;
    int rc = bide__bytes_reserve(data, len + 1);
    if (rc < 0)
        return rc;
    (void)bide__bytes_add(data, value, len);
    return bide__bytes_add(data, "\n", 1);
}

static void note_retry(bide_http_events *events, const char *value, size_t len)
{
    uint64_t number = 0;
    if (len == 0 || len > 15)
        return;
    for (size_t i = 0; i < len; i++) {
        if (value[i] < '0' || value[i] > '9')
            return;
        number = number * 10 + (uint64_t)(value[i] - '0');
    }
    events->retry = (double)number * 1e-3;
}

static bool is(const char *name, size_t len, const char *expected)
{
    return len == strlen(expected) && memcmp(name, expected, len) == 0;
}

static int note_field(bide_http_events *events, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    size_t name = colon ? (size_t)(colon - line) : len;
    const char *value = colon ? colon + 1 : line + len;
    value += value < line + len && *value == ' ';
    size_t value_len = (size_t)(line + len - value);
    if (is(line, name, "data"))
        return add_data(events, value, value_len);
    if (is(line, name, "event"))
        return set(&events->kind, value, value_len);
    if (is(line, name, "id") && !memchr(value, '\0', value_len))
        return set(&events->id, value, value_len);
    if (is(line, name, "retry"))
        note_retry(events, value, value_len);
    return 0;
}

/* ── Lines ────────────────────────────────────────────────────────────── */

/* The mark EF BB BF at the very beginning is not of the first line. */
static void skip_mark(bide_http_events *events)
{
    const char *line = events->line.data;
    if (!events->any && events->line.len >= 3 &&
        memcmp(line, "\xef\xbb\xbf", 3) == 0) {
        events->line.len -= 3;
        memmove(events->line.data, line + 3, events->line.len);
    }
    events->any = true;
}

/* Move bytes to the line, up to its end. Returns 1 if it has ended. */
static int take_line(bide_http_events *events)
{
    if (events->after_cr && events->begin < events->end) {
        events->begin += events->in[events->begin] == '\n';
        events->after_cr = false;
    }
    const char *data = events->in + events->begin;
    size_t len = events->end - events->begin, at = 0;
    while (at < len && data[at] != '\n' && data[at] != '\r')
        at++;
    if (events->line.len + events->data.len + at > events->most)
        return bide_raise(-EMSGSIZE, "an event is larger than %zu bytes",
                          events->most);
    int rc = bide__bytes_add(&events->line, data, at);
    if (rc < 0)
        return rc;
    events->begin += at;
    if (at == len)
        return 0;
    events->after_cr = data[at] == '\r';
    events->begin++;
    return 1;
}

/* Returns 1, 0 at the end, or a negative code. */
static int next_line(bide_http_events *events)
{
    for (;;) {
        if (events->begin < events->end) {
            int rc = take_line(events);
            if (rc != 0)
                return rc;
        }
        ssize_t n = events->read(events->arg, events->in, sizeof events->in);
        if (n <= 0)
            return (int)n;
        events->begin = 0;
        events->end = (size_t)n;
    }
}

/* ── Events ───────────────────────────────────────────────────────────── */

static int terminate(struct bide__bytes *bytes)
{
    int rc = bide__bytes_add(bytes, "", 1);
    if (rc == 0)
        bytes->len--;
    return rc;
}

/* An empty line has come. Returns 1 if there is an event. */
static int dispatch(bide_http_events *events, bide_http_event *ret_event)
{
    if (events->data.len == 0) {
        events->kind.len = 0;
        return 0;
    }
    int rc = terminate(&events->kind);
    if (rc == 0)
        rc = terminate(&events->id);
    if (rc < 0)
        return rc;
    events->data.data[events->data.len - 1] = '\0'; /* the last line's end */
    *ret_event = (bide_http_event){
        .event = events->kind.len > 0 ? events->kind.data : "message",
        .data = events->data.data,
        .id = events->id.data,
        .retry = events->retry,
    };
    events->returned = true;
    return 1;
}

int bide_http_events_next(bide_http_events *events, bide_http_event *ret_event)
{
    if (events->returned) {
        events->data.len = events->kind.len = 0;
        events->returned = false;
    }
    for (;;) {
        int rc = next_line(events);
        if (rc <= 0) /* what has no empty line behind it is no event */
            return rc;
        skip_mark(events);
        rc = events->line.len > 0
                 ? note_field(events, events->line.data, events->line.len)
                 : dispatch(events, ret_event);
        events->line.len = 0;
        if (rc != 0)
            return rc;
    }
}
