/* SPDX-License-Identifier: MIT */
/*
 * embed_test.c — a loop inside a foreign main loop, here poll(2).
 *
 * The host knows the loop's descriptor and how long it may wait; it never
 * blocks within the loop. Whatever the loop waits for must therefore show on
 * the descriptor, or be due by the timeout.
 */
#include <bide/engine.h>
#include <bide/loop.h>
#include <bide/stream.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "helpers/journal.h"

/* Milliseconds that a host may wait for the loop, rounded up; -1: for ever. */
static int host_timeout(bide_engine *engine)
{
    int64_t ns = bide_engine_timeout(engine);
    if (ns == BIDE_FOREVER)
        return -1;
    int64_t ms = (ns + 999999) / 1000000;
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

static bool finished;
static int waits; /* that were ended by the descriptor */

/* A main loop, as GLib, a game or an editor has it. Nothing takes longer than
 * the patience, so a wait that does not end is a missed event. */
static void host(bide_loop *loop)
{
    enum { PATIENCE_MS = 5000 };
    bide_engine *engine = bide_loop_engine(loop);
    struct pollfd item = {.fd = bide_engine_fileno(engine), .events = POLLIN};
    while (!finished) {
        int rc = bide_loop_step(loop, 0);
        if (!CHECK_OK(rc))
            return;
        if (rc == 1 || finished)
            continue;
        int timeout = host_timeout(engine);
        int count = poll(&item, 1, timeout < 0 ? PATIENCE_MS : timeout);
        waits += count > 0;
        if (!CHECK(count > 0 || timeout >= 0))
            return;
    }
}

static void finish(bide_task *task, void *arg)
{
    (void)arg;
    CHECK_OK(bide_task_result(task));
    finished = true;
}

static bide_coroutine *to_start;

/* Tasks are created by the loop: the host asks it to. */
static void start(void *arg)
{
    bide_task *task = bide_create_task(to_start, arg);
    CHECK_OK(bide_task_add_done_callback(task, finish, NULL));
    bide_task_detach(task);
}

static void run_in_host(bide_coroutine *coroutine)
{
    bide_loop *loop;
    finished = false;
    waits = 0;
    to_start = coroutine;
    CHECK_OK(bide_loop_new(NULL, &loop));
    CHECK_OK(bide_loop_call_soon(loop, NULL, start, loop));
    host(loop);
    CHECK(bide_loop_current() == NULL);
    bide_loop_close(loop);
}

/* ── What a loop can wait for ─────────────────────────────────────────── */

static int sleeps(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++)
        CHECK_OK(bide_sleep(i * 0.002));
    return 0;
}

TEST(a_hosted_loop_sleeps)
{
    run_in_host(sleeps);
}

static int pong(void *arg)
{
    char byte;
    bide_stream **pair = arg;
    while (bide_stream_read(pair[1], &byte, 1) == 1)
        CHECK_OK(bide_stream_write(pair[1], &byte, 1));
    return 0;
}

static int ping(void *arg)
{
    char byte = 'p';
    bide_stream *pair[2];
    (void)arg;
    CHECK_OK(bide_stream_pair(pair));
    bide_task *task = bide_create_task(pong, pair);
    for (int i = 0; i < 100; i++) {
        CHECK_OK(bide_stream_write(pair[0], &byte, 1));
        CHECK_INT(bide_stream_readexactly(pair[0], &byte, 1), 1);
    }
    CHECK_OK(bide_stream_write_eof(pair[0]));
    CHECK_OK(bide_await(task));
    bide_stream_close(pair[0]);
    bide_stream_close(pair[1]);
    return 0;
}

TEST(a_hosted_loop_reads_and_writes)
{
    run_in_host(ping);
}

static int pipe_fds[2];

static void *write_slowly(void *arg)
{
    for (int i = 0; i < 10; i++) {
        usleep(2000);
        CHECK_INT(write(pipe_fds[1], "x", 1), 1);
    }
    return arg;
}

/* Events come from outside, while the host waits. */
static int read_pipe(void *arg)
{
    char byte;
    (void)arg;
    pthread_t thread;
    bide_stream *stream;
    CHECK_OK(pipe(pipe_fds));
    CHECK_OK(bide_stream_open(pipe_fds[0], 0, &stream));
    pthread_create(&thread, NULL, write_slowly, NULL);
    for (int i = 0; i < 10; i++)
        CHECK_INT(bide_stream_readexactly(stream, &byte, 1), 1);
    pthread_join(thread, NULL);
    close(pipe_fds[1]);
    bide_stream_close(stream);
    return 0;
}

TEST(a_hosted_loop_is_woken_by_its_descriptor)
{
    run_in_host(read_pipe);
    CHECK(waits > 0);
}

static void wake(void *arg)
{
    bide_task_cancel(arg);
}

static bide_loop *woken_loop;
static bide_task *woken_task;

static void *wake_slowly(void *arg)
{
    usleep(5000);
    CHECK_OK(bide_loop_call_soon_threadsafe(woken_loop, wake, woken_task));
    return arg;
}

static int is_woken(void *arg)
{
    pthread_t thread;
    woken_loop = arg;
    woken_task = bide_current_task();
    for (int i = 0; i < 3; i++) {
        pthread_create(&thread, NULL, wake_slowly, NULL);
        CHECK_ERR(bide_sleep(1000), -ECANCELED);
        bide_task_uncancel(woken_task);
        pthread_join(thread, NULL);
    }
    return 0;
}

TEST(a_hosted_loop_is_woken_by_other_threads)
{
    run_in_host(is_woken);
    CHECK(waits > 0);
}

/* ── The engine's part ────────────────────────────────────────────────── */

static int events;

static void count_event(bide_op *op)
{
    (void)op;
    events++;
}

/* An operation that starts itself again has to be told to the kernel before
 * the host waits, without anything else to do. */
TEST(a_poll_that_goes_on_shows_on_the_descriptor_again_and_again)
{
    bide_loop *loop;
    bide_fd file;
    bide_op op;
    int fds[2];
    CHECK_OK(pipe(fds));
    CHECK_OK(bide_loop_new(NULL, &loop));
    bide_engine *engine = bide_loop_engine(loop);
    CHECK_OK(bide_engine_attach(engine, &file, fds[0], BIDE_FD_FOREIGN));
    bide_op_poll_multi(&op, &file, POLLIN);
    op.done = count_event;
    CHECK(!bide_engine_submit(engine, &op));
    struct pollfd item = {.fd = bide_engine_fileno(engine), .events = POLLIN};
    CHECK_OK(bide_loop_step(loop, 0));
    for (int i = 0; i < 5; i++) {
        char byte;
        events = 0;
        CHECK_INT(write(fds[1], "x", 1), 1);
        CHECK_INT(poll(&item, 1, 5000), 1);
        while (events == 0 && CHECK_OK(bide_loop_step(loop, 0)))
            continue;
        CHECK_INT(read(fds[0], &byte, 1), 1);
        while (CHECK_OK(bide_loop_step(loop, 0)) && poll(&item, 1, 0) == 1)
            continue;
    }
    bide_engine_cancel(engine, &op);
    events = 0;
    while (events == 0 && CHECK_OK(bide_loop_step(loop, 0)))
        continue;
    bide_engine_detach(engine, &file);
    bide_loop_close(loop);
    close(fds[0]);
    close(fds[1]);
}
