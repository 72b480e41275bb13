/* SPDX-License-Identifier: MIT */
/*
 * requests.c — the experiment that sells asynchronous programs: requests that
 * take a second each, one after the other and then together.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "progress.h"
#include "server.h"

#define FEW 10
#define MANY 10000

/* Connections under way at once: more than a listening socket's queue holds
 * would be dropped by the kernel and tried again a second later. */
#define CONNECTING 1000

struct request {
    int port;
    bide_semaphore *connecting;
    struct progress *line; /* NULL: not shown */
    int status;            /* of HTTP, once answered */
};

/* ── One request ──────────────────────────────────────────────────────── */

static int exchange(bide_stream *stream, int *ret_status)
{
    static const char ask[] = "GET /delay/1 HTTP/1.1\r\n"
                              "Host: 127.0.0.1\r\n"
                              "\r\n";
    char line[256];
    int rc = bide_stream_write(stream, ask, sizeof ask - 1);
    if (rc < 0)
        return rc;
    ssize_t n = bide_stream_readline(stream, line, sizeof line);
    if (n < 0)
        return (int)n;
    if (sscanf(line, "HTTP/1.1 %d", ret_status) != 1)
        return bide_raise(-EPROTO, "'%.20s' is no status line", line);
    while (n > 0) /* the rest, up to the end of the connection */
        n = bide_stream_read(stream, line, sizeof line);
    return (int)n;
}

static int connect_in_turn(struct request *request, bide_stream **ret_stream)
{
    int rc = bide_semaphore_acquire(request->connecting);
    if (rc < 0)
        return rc;
    rc = bide_open_connection("127.0.0.1", request->port, NULL, ret_stream);
    bide_semaphore_release(request->connecting);
    return rc;
}

static int fetch(void *arg)
{
    struct request *request = arg;
    struct progress *line = request->line;
    bide_stream *stream;
    if (line)
        line->started = bide_time();
    int rc = connect_in_turn(request, &stream);
    if (rc == 0) {
        rc = exchange(stream, &request->status);
        bide_stream_close(stream);
    }
    if (!line)
        return rc;
    line->finished = bide_time();
    if (rc < 0)
        snprintf(line->result, sizeof line->result, "%s", bide_errmsg(rc));
    else
        snprintf(line->result, sizeof line->result, "%d", request->status);
    board_done(line);
    return rc;
}

/* ── Ways to make many ────────────────────────────────────────────────── */

static int one_after_the_other(struct request *requests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int rc = fetch(&requests[i]); /* a coroutine is just a function */
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int together(struct request *requests, size_t count)
{
    bide_task **tasks = calloc(count, sizeof *tasks);
    if (!tasks)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        tasks[i] = bide_create_task(fetch, &requests[i]);
    int rc = bide_gather(tasks, count);
    free(tasks);
    return rc;
}

/* ── The experiment ───────────────────────────────────────────────────── */

/* Ten requests, on the screen. Returns the seconds, or a negative code. */
static int shown(const char *title, int port,
                 int (*way)(struct request *, size_t), double *ret_took)
{
    struct progress lines[FEW] = {0};
    struct request requests[FEW];
    struct board board = {.lines = lines, .count = FEW};
    bide_semaphore connecting;
    bide_semaphore_init(&connecting, CONNECTING);
    for (size_t i = 0; i < FEW; i++) {
        snprintf(lines[i].label, sizeof lines[i].label, "request %zu", i + 1);
        requests[i] = (struct request){port, &connecting, &lines[i], 0};
    }
    printf("\n%s\n", title);
    double begin = bide_time();
    bide_task *painter = bide_create_task(board_paint, &board);
    int rc = way(requests, FEW);
    *ret_took = bide_time() - begin;
    bide_task_cancel(painter);
    (void)!bide_await(painter); /* -ECANCELED, as asked for */
    board_finish(&board);
    return rc;
}

static int unshown(int port, size_t count, double *ret_took)
{
    struct request *requests = calloc(count, sizeof *requests);
    if (!requests)
        return -ENOMEM;
    bide_semaphore connecting;
    bide_semaphore_init(&connecting, CONNECTING);
    for (size_t i = 0; i < count; i++)
        requests[i] = (struct request){port, &connecting, NULL, 0};
    printf("\n%zu requests together, with bide_gather()\n", count);
    fflush(stdout);
    double begin = bide_time();
    int rc = together(requests, count);
    *ret_took = bide_time() - begin;
    size_t answered = 0;
    for (size_t i = 0; i < count; i++)
        answered += requests[i].status == 200;
    if (rc == 0)
        printf("  %zu answers, every one 200\n", answered);
    free(requests);
    return rc;
}

static int experiment(void *arg)
{
    int port = *(int *)arg;
    double one = 0, ten = 0, many = 0;
    int rc = shown("Ten requests, one after the other", port,
                   one_after_the_other, &one);
    if (rc == 0)
        rc = shown("Ten requests together, with bide_gather()", port, together,
                   &ten);
    if (rc == 0)
        rc = unshown(port, MANY, &many);
    if (rc < 0)
        return rc;
    printf("\n  one after the other  %6.2f s\n", one);
    printf("  together             %6.2f s\n", ten);
    printf("  %d together       %6.2f s\n\n", MANY, many);
    return 0;
}

/* Ten thousand connections are as many descriptors. */
static void raise_limits(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

int main(void)
{
    raise_limits();
    int port = demo_server_start();
    if (port < 0) {
        fprintf(stderr, "the server did not start: %s\n",
                bide_strerror(port));
        return EXIT_FAILURE;
    }
    printf("A server of ours answers every request after one second.\n");
    int rc = bide_run(experiment, &port);
    if (rc < 0)
        fprintf(stderr, "%s: %s\n", bide_errname(rc), bide_errmsg(rc));
    demo_server_stop();
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
