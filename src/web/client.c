/* SPDX-License-Identifier: MIT */
/*
 * client.c — a client for tests: an application is talked to over a pair of
 * streams.
 *
 *     request ──► pair[0] ═══ pair[1] ──► a task that serves it
 *
 * Each request has a pair and a task of its own, so that requests of several
 * tasks do not wait for each other. The request is written by a task, too: an
 * application may reply before it has read it all.
 *
 * Responses lie in the client's arena until it is closed.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/uio.h>

#include <bide/web_test.h>

#include "web/web.h"

#define HEAD_MAX 65536
#define REPLY_MAX ((size_t)64 << 20)
#define JAR_MAX 100 /* cookies */

struct kept {
    struct kept *next;
    char *name;
    char *value;
};

struct bide_web_client {
    bide_web_app *app;
    bide_arena arena;
    struct kept *jar;
    size_t n_jar;
    size_t serving;  /* connections */
    bide_event idle; /* set while there are none */
};

/* ── The application's side ───────────────────────────────────────────── */

struct connection {
    bide_web_client *client;
    bide_stream *stream;
};

static int serve(void *arg)
{
    struct connection connection = *(struct connection *)arg;
    bide_web_client *client = connection.client;
    int rc = bide_http_serve_stream(connection.stream, bide__web_handle,
                                    client->app, &client->app->options.http);
    bide_stream_close(connection.stream);
    if (--client->serving == 0)
        bide_event_set(&client->idle);
    return rc;
}

/* The serving task begins at once: it owns its stream whatever follows. */
static int open_connection(bide_web_client *client, bide_stream **ret_stream,
                           bide_task **ret_task)
{
    static const bide_task_options options = {
        .name = "web client",
        .eager_start = true,
    };
    bide_stream *pair[2];
    int rc = bide_stream_pair(pair);
    if (rc < 0)
        return rc;
    struct connection connection = {client, pair[1]};
    client->serving++;
    bide_event_clear(&client->idle);
    *ret_task = bide_create_task_with(serve, &connection, &options);
    if (!*ret_task) {
        bide_stream_close(pair[0]);
        bide_stream_close(pair[1]);
        if (--client->serving == 0)
            bide_event_set(&client->idle);
        return -ENOMEM;
    }
    *ret_stream = pair[0];
    return 0;
}

int bide_web_client_connect(bide_web_client *client, bide_stream **ret_stream)
{
    bide_task *task;
    int rc = open_connection(client, ret_stream, &task);
    if (rc == 0)
        bide_task_detach(task);
    return rc;
}

/* ── Cookies ──────────────────────────────────────────────────────────── */

static struct kept **find_cookie(bide_web_client *client, const char *name)
{
    struct kept **place = &client->jar;
    while (*place && strcmp((*place)->name, name) != 0)
        place = &(*place)->next;
    return place;
}

static void forget_cookie(bide_web_client *client, struct kept **place)
{
    struct kept *kept = *place;
    if (!kept)
        return;
    *place = kept->next;
    client->n_jar--;
}

static int keep_cookie(bide_web_client *client, const char *text)
{
    size_t len = strcspn(text, "=;");
    if (text[len] != '=')
        return 0;
    bide_arena *arena = &client->arena;
    struct kept *kept = bide_arena_allocate(arena, sizeof *kept);
    char *name = bide_arena_copy(arena, text, len);
    const char *value = text + len + 1;
    size_t value_len = strcspn(value, ";");
    char *copy = bide_arena_copy(arena, value, value_len);
    if (!kept || !name || !copy)
        return -ENOMEM;
    forget_cookie(client, find_cookie(client, name));
    if (strstr(value + value_len, "Max-Age=0") || client->n_jar == JAR_MAX)
        return 0;
    *kept = (struct kept){client->jar, name, copy};
    client->jar = kept;
    client->n_jar++;
    return 0;
}

/* ── Sending ──────────────────────────────────────────────────────────── */

struct sending {
    bide_stream *stream;
    struct iovec pieces[2];
};

static int write_request(void *arg)
{
    struct sending *sending = arg;
    size_t count = sending->pieces[1].iov_len > 0 ? 2 : 1;
    return bide_stream_writev(sending->stream, sending->pieces, count);
}

static size_t add(char *text, size_t used, size_t size, const char *format,
                  ...) BIDE_PRINTF(4, 5);

static size_t add(char *text, size_t used, size_t size, const char *format,
                  ...)
{
    va_list args;
    if (used >= size)
        return used;
    va_start(args, format);
    used += (size_t)vsnprintf(text + used, size - used, format, args);
    va_end(args);
    return used;
}

/* The head of a request. Returns its length, or more than HEAD_MAX. */
static size_t write_head(const bide_web_client *client, const char *target,
                         const bide_web_client_options *options, char *text)
{
    const struct kept *kept = client->jar;
    size_t used = add(text, 0, HEAD_MAX,
                      "%s %s HTTP/1.1\r\nHost: testserver\r\n"
                      "Connection: close\r\n",
                      options->method ? options->method : "GET", target);
    if (options->body)
        used = add(text, used, HEAD_MAX, "Content-Length: %zu\r\n",
                   options->len);
    if (options->type)
        used = add(text, used, HEAD_MAX, "Content-Type: %s\r\n",
                   options->type);
    for (; kept; kept = kept->next)
        used = add(text, used, HEAD_MAX, "%s%s=%s%s",
                   kept == client->jar ? "Cookie: " : "; ", kept->name,
                   kept->value, kept->next ? "" : "\r\n");
    return add(text, used, HEAD_MAX, "%s\r\n",
               options->headers ? options->headers : "");
}

/* ── Receiving ────────────────────────────────────────────────────────── */

/* What is received grows here, and is copied to the arena at its end. */
struct bytes {
    char *data;
    size_t len, cap;
};

static int receive(bide_stream *stream, size_t len, struct bytes *bytes)
{
    if (len > REPLY_MAX || bytes->len + len > REPLY_MAX)
        return bide_raise(-EMSGSIZE, "the reply has more than %zu bytes",
                          REPLY_MAX);
    if (bytes->len + len > bytes->cap) {
        size_t cap = 2 * (bytes->len + len);
        char *data = bide_reallocate(bytes->data, cap);
        if (!data)
            return -ENOMEM;
        bytes->data = data;
        bytes->cap = cap;
    }
    if (len == 0)
        return 0;
    ssize_t n =
        bide_stream_readexactly(stream, bytes->data + bytes->len, len);
    if (n < 0)
        return (int)n;
    bytes->len += len;
    return 0;
}

static int receive_chunks(bide_stream *stream, struct bytes *bytes)
{
    char line[128];
    for (;;) {
        ssize_t n = bide_stream_readline(stream, line, sizeof line - 1);
        if (n <= 0)
            return n < 0 ? (int)n : BIDE_E_INCOMPLETE;
        line[n] = '\0';
        size_t size = strtoul(line, NULL, 16);
        int rc = receive(stream, size, bytes);
        if (rc == 0)
            n = bide_stream_readline(stream, line, sizeof line - 1);
        if (rc < 0 || n < 0)
            return rc < 0 ? rc : (int)n;
        while (size == 0 && n > 2) /* trailers */
            n = bide_stream_readline(stream, line, sizeof line - 1);
        if (size == 0)
            return n < 0 ? (int)n : 0;
    }
}

static int receive_to_end(bide_stream *stream, struct bytes *bytes)
{
    int rc = 0;
    while (rc == 0)
        rc = receive(stream, 1, bytes);
    return rc == BIDE_E_INCOMPLETE ? 0 : rc;
}

/* The head without its first line, in the arena. */
static int receive_head(bide_web_client *client, bide_stream *stream,
                        bide_web_response *response)
{
    const char *data = NULL, *end = NULL;
    size_t have = 0;
    while (!end) {
        ssize_t n = bide_stream_peek(stream, have + 1, &data);
        if (n < 0)
            return (int)n;
        if ((size_t)n <= have)
            return bide_raise(BIDE_E_INCOMPLETE,
                              "the application has cut the connection off");
        have = (size_t)n;
        end = memmem(data, have, "\r\n\r\n", 4);
    }
    size_t len = (size_t)(end - data) + 4;
    char *copy = bide_arena_copy(&client->arena, data, len);
    if (!copy)
        return -ENOMEM;
    bide_stream_skip(stream, len);
    if (sscanf(copy, "HTTP/1.%*c %d", &response->status) != 1)
        return bide_raise(-EBADMSG, "\"%.40s\" is no reply of HTTP", copy);
    response->head = strstr(copy, "\r\n") + 2;
    return 0;
}

const char *bide_web_response_header(const bide_web_response *response,
                                     const char *name)
{
    size_t len = strlen(name);
    const char *line = response->head;
    for (; *line; line += strlen(line) + 2)
        if (strncasecmp(line, name, len) == 0 && line[len] == ':')
            return line + len + 1 + strspn(line + len + 1, " ");
    return NULL;
}

/* Lines become strings: a NUL for the CR, and an empty one at the end. */
static void split_head(char *head)
{
    char *end;
    while ((end = strstr(head, "\r\n"))) {
        *end = '\0';
        head = end + 2;
    }
}

static int keep_cookies(bide_web_client *client,
                        const bide_web_response *response)
{
    const char *line = response->head;
    int rc = 0;
    for (; *line && rc == 0; line += strlen(line) + 2)
        if (strncasecmp(line, "Set-Cookie: ", 12) == 0)
            rc = keep_cookie(client, line + 12);
    return rc;
}

static int receive_body(bide_stream *stream, const bide_web_response *response,
                        struct bytes *bytes)
{
    const char *length = bide_web_response_header(response, "Content-Length");
    const char *coding =
        bide_web_response_header(response, "Transfer-Encoding");
    if (response->status == 204 || response->status == 304)
        return 0;
    if (coding)
        return receive_chunks(stream, bytes);
    if (length)
        return receive(stream, strtoul(length, NULL, 10), bytes);
    return receive_to_end(stream, bytes);
}

static int receive_reply(bide_web_client *client, bide_stream *stream,
                         bool has_body, bide_web_response *response)
{
    struct bytes bytes = {.data = NULL};
    int rc;
    do
        rc = receive_head(client, stream, response);
    while (rc == 0 && response->status < 200);
    if (rc < 0)
        return rc;
    split_head((char *)(uintptr_t)response->head);
    rc = keep_cookies(client, response);
    if (rc == 0 && has_body)
        rc = receive_body(stream, response, &bytes);
    if (rc == 0) {
        response->body = bide_arena_copy(&client->arena,
                                         bytes.data ? bytes.data : "",
                                         bytes.len);
        response->len = bytes.len;
        rc = response->body ? 0 : -ENOMEM;
    }
    bide_release(bytes.data);
    return rc;
}

/* ── Requests ─────────────────────────────────────────────────────────── */

static int exchange(bide_web_client *client, bide_stream *stream,
                    const char *target, const bide_web_client_options *options,
                    bide_web_response *response)
{
    struct sending sending = {.stream = stream};
    char *head = bide_allocate(HEAD_MAX);
    if (!head)
        return -ENOMEM;
    size_t len = write_head(client, target, options, head);
    if (len >= HEAD_MAX) {
        bide_release(head);
        return bide_raise(-EMSGSIZE, "the head of the request has more than "
                                     "%d bytes", HEAD_MAX);
    }
    sending.pieces[0] = (struct iovec){head, len};
    sending.pieces[1] = (struct iovec){(void *)(uintptr_t)options->body,
                                       options->body ? options->len : 0};
    bide_task *writer = bide_create_task(write_request, &sending);
    bool has_body = !options->method || strcmp(options->method, "HEAD") != 0;
    int rc = writer ? receive_reply(client, stream, has_body, response)
                    : -ENOMEM;
    (void)bide_task_cancel(writer);
    int wrote = bide_await(writer); /* the reply says what counts */
    (void)wrote;
    bide_release(head);
    return rc;
}

int bide_web_client_request(bide_web_client *client, const char *target,
                            const bide_web_client_options *options,
                            bide_web_response *ret_response)
{
    static const bide_web_client_options normal;
    bide_web_response response = {.status = 0};
    bide_stream *stream;
    bide_task *task;
    int rc = open_connection(client, &stream, &task);
    if (rc < 0)
        return rc;
    rc = exchange(client, stream, target, options ? options : &normal,
                  &response);
    bide_stream_close(stream);
    if (rc < 0)
        (void)bide_task_cancel(task);
    int served = bide_await(task);
    if (rc == 0 && served == -ECANCELED)
        rc = served;
    if (rc == 0)
        *ret_response = response;
    return rc;
}

int bide_web_client_get(bide_web_client *client, const char *target,
                        bide_web_response *ret_response)
{
    return bide_web_client_request(client, target, NULL, ret_response);
}

int bide_web_client_post(bide_web_client *client, const char *target,
                         const char *json, bide_web_response *ret_response)
{
    const bide_web_client_options options = {
        .method = "POST",
        .type = "application/json",
        .body = json,
        .len = strlen(json),
    };
    return bide_web_client_request(client, target, &options, ret_response);
}

/* ── Opening and closing ──────────────────────────────────────────────── */

int bide_web_client_open(bide_web_app *app, bide_web_client **ret_client)
{
    bide_web_client *client = bide_allocate(sizeof *client);
    if (!client)
        return -ENOMEM;
    memset(client, 0, sizeof *client);
    client->app = app;
    bide_event_init(&client->idle);
    bide_event_set(&client->idle);
    int rc = bide__web_startup(app);
    if (rc == 0) {
        *ret_client = client;
        return 0;
    }
    bide_event_fini(&client->idle);
    bide_release(client);
    return rc;
}

int bide_web_client_close(bide_web_client *client)
{
    if (!client)
        return 0;
    int cancelled = 0;
    bide__web_close_sockets(client->app);
    while (!bide_event_is_set(&client->idle)) {
        int rc = bide_event_wait(&client->idle);
        cancelled = rc < 0 ? rc : cancelled;
    }
    int rc = bide__web_shutdown(client->app, cancelled);
    bide_event_fini(&client->idle);
    bide_arena_free(&client->arena);
    bide_release(client);
    return rc;
}
