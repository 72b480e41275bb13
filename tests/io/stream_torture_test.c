/* SPDX-License-Identifier: MIT */
/* stream_torture_test.c — streams when anything goes wrong at any point. */
#include <bide.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "helpers/torture.h"
#include "test.h"

/* ── A conversation over a pair ───────────────────────────────────────── */

static int answer(void *arg)
{
    bide_stream *stream = arg;
    char line[64];
    ssize_t n;
    int rc = 0;
    while (rc == 0 &&
           (n = bide_stream_readline(stream, line, sizeof line)) != 0)
        rc = n < 0 ? (int)n : bide_stream_write(stream, line, (size_t)n);
    bide_stream_close(stream);
    return rc;
}

static int ask(bide_stream *stream)
{
    char line[64];
    for (int i = 0; i < 3; i++) {
        int rc = bide_stream_write(stream, "question\n", 9);
        if (rc < 0)
            return rc;
        ssize_t n = bide_stream_readexactly(stream, line, 9);
        if (n < 0)
            return (int)n;
        CHECK_MEM(line, "question\n", 9);
    }
    return 0;
}

/* What one side feels when the other has been disturbed. */
static bool is_consequence(int rc)
{
    return rc == -EPIPE || rc == -ECONNRESET || rc == BIDE_E_INCOMPLETE;
}

static int root_cause(int rc, int other)
{
    if (rc == 0 || (is_consequence(rc) && other < 0))
        return other;
    return rc;
}

static int converse(void *arg)
{
    bide_stream *pair[2];
    (void)arg;
    int rc = bide_stream_pair(pair);
    if (rc < 0)
        return rc;
    bide_task *task = bide_create_task(answer, pair[1]);
    if (!task)
        bide_stream_close(pair[1]);
    else
        rc = ask(pair[0]);
    bide_stream_close(pair[0]);
    if (bide_task_cancelling(bide_current_task()) || rc < 0)
        bide_task_cancel(task);
    int answered = bide_await(task);
    return root_cause(rc, answered);
}

TEST(a_conversation_survives_anything)
{
    struct torture_counts counts = torture(converse);
    CHECK(counts.suspensions >= 4);
    CHECK(counts.allocations >= 3);
}

/* ── Data in pieces ───────────────────────────────────────────────────── */

/* While this sends nothing more and does not end, a read that has missed its
 * cancellation waits for ever. */
static int send_pieces(void *arg)
{
    int rc = 0;
    for (int i = 0; i < 4 && rc == 0; i++) {
        rc = bide_stream_write(arg, "abcd", 4);
        if (rc == 0)
            rc = bide_sleep(0.0002);
    }
    if (rc == 0)
        rc = bide_sleep(3600);
    int ended = bide_stream_write_eof(arg);
    return rc < 0 ? rc : ended;
}

static int receive_pieces(void *arg)
{
    char buf[32];
    ssize_t n = bide_stream_readexactly(arg, buf, 12);
    if (n > 0)
        n = bide_stream_readuntil(arg, "d", 1, buf, sizeof buf);
    return n < 0 ? (int)n : 0;
}

static int read_pieces(void *arg)
{
    bide_stream *pair[2];
    (void)arg;
    int rc = bide_stream_pair(pair);
    if (rc < 0)
        return rc;
    bide_task *sender = bide_create_task(send_pieces, pair[0]);
    bide_task *receiver = bide_create_task(receive_pieces, pair[1]);
    rc = bide_await(receiver);
    bide_task_cancel(sender);
    int sent = bide_await(sender);
    bide_stream_close(pair[0]);
    bide_stream_close(pair[1]);
    return is_consequence(rc) ? sent : rc;
}

TEST(reads_that_take_several_pieces_survive_anything)
{
    CHECK(torture(read_pieces).suspensions >= 6);
}

/* ── Large data both ways ─────────────────────────────────────────────── */

#define LARGE ((size_t)600000)

static int send_large(void *arg)
{
    char *data = malloc(LARGE);
    memset(data, 'x', LARGE);
    int rc = bide_stream_write(arg, data, LARGE);
    if (rc == 0)
        rc = bide_stream_write_eof(arg);
    free(data);
    return rc;
}

static int receive_large(void *arg)
{
    char *data = malloc(LARGE);
    size_t got = 0;
    ssize_t n = 0;
    while (got < LARGE &&
           (n = bide_stream_read(arg, data + got, LARGE - got)) > 0)
        got += (size_t)n;
    free(data);
    if (n < 0)
        return (int)n;
    return got == LARGE ? 0 : bide_raise(BIDE_E_INCOMPLETE, "%zu", got);
}

static int transfer(void *arg)
{
    bide_stream *pair[2];
    (void)arg;
    int rc = bide_stream_pair(pair);
    if (rc < 0)
        return rc;
    bide_task *tasks[] = {
        bide_create_task(send_large, pair[0]),
        bide_create_task(receive_large, pair[1]),
    };
    rc = bide_gather(tasks, 2);
    bide_stream_close(pair[0]);
    bide_stream_close(pair[1]);
    return rc;
}

TEST(a_large_transfer_survives_anything)
{
    CHECK(torture(transfer).suspensions >= 2);
}
