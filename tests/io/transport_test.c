/* SPDX-License-Identifier: MIT */
/*
 * transport_test.c — a transport of another library on a stream: here one
 * that flips a bit of each byte.
 */
#include <bide.h>
#include <bide/transport.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "net.h"

#define FLIP 0x20

struct flipper {
    int fails;   /* what start gives */
    int started, closed, aborted, released;
};

static void flip(char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        data[i] ^= FLIP;
}

static int flip_start(void *state, bide_stream *lower)
{
    struct flipper *flipper = state;
    (void)lower;
    flipper->started++;
    return flipper->fails;
}

static ssize_t flip_read(void *state, bide_stream *lower, void *buf,
                         size_t len)
{
    (void)state;
    ssize_t n = bide_stream_read(lower, buf, len);
    if (n > 0)
        flip(buf, (size_t)n);
    return n;
}

static int flip_write(void *state, bide_stream *lower, const struct iovec *iov,
                      size_t count, bool *ret_begun)
{
    int rc = 0;
    (void)state;
    for (size_t i = 0; i < count && rc == 0; i++) {
        char *copy = malloc(iov[i].iov_len + 1);
        memcpy(copy, iov[i].iov_base, iov[i].iov_len);
        flip(copy, iov[i].iov_len);
        *ret_begun = true;
        rc = bide_stream_write(lower, copy, iov[i].iov_len);
        free(copy);
    }
    return rc;
}

static int flip_write_eof(void *state, bide_stream *lower)
{
    (void)state;
    return bide_stream_write_eof(lower);
}

static void flip_close(void *state, bide_stream *lower, bool abort)
{
    struct flipper *flipper = state;
    flipper->closed++;
    flipper->aborted += abort;
    if (abort)
        bide_stream_abort(lower);
    else
        bide_stream_close(lower);
}

static void flip_release(void *state)
{
    struct flipper *flipper = state;
    flipper->released++;
}

static const bide_transport transport = {
    .size = sizeof transport,
    .name = "flip",
    .start = flip_start,
    .read = flip_read,
    .write = flip_write,
    .write_eof = flip_write_eof,
    .close = flip_close,
    .release = flip_release,
};

/* ── Tests ────────────────────────────────────────────────────────────── */

static int amain_bytes(void *arg)
{
    struct flipper flipper = {0};
    bide_stream *pair[2];
    char buf[16];
    (void)arg;
    CHECK_OK(bide_stream_pair(pair));
    CHECK_OK(bide_stream_write(pair[1], "plainFLIP", 9));
    CHECK_INT(bide_stream_readexactly(pair[0], buf, 5), 5);
    CHECK_OK(bide_stream_put_transport(pair[0], &transport, &flipper));
    CHECK(bide_stream_transport_state(pair[0], &transport) == &flipper);
    CHECK(!bide_stream_transport_state(pair[1], &transport));
    CHECK_INT(bide_stream_readexactly(pair[0], buf, 4), 4);
    CHECK_MEM(buf, "flip", 4);
    CHECK_OK(bide_stream_write(pair[0], "abc", 3));
    CHECK_INT(bide_stream_readexactly(pair[1], buf, 3), 3);
    CHECK_MEM(buf, "ABC", 3);
    CHECK_OK(bide_stream_write_eof(pair[0]));
    CHECK_INT(bide_stream_read(pair[1], buf, 1), 0);
    bide_stream_close(pair[1]);
    CHECK_INT(bide_stream_read(pair[0], buf, 1), 0);
    CHECK(bide_stream_at_eof(pair[0]));
    CHECK_INT(flipper.released, 0);
    bide_stream_close(pair[0]);
    CHECK_INT(flipper.closed, 1);
    CHECK_INT(flipper.released, 1);
    return 0;
}

TEST(bytes_pass_through_it_also_those_that_had_arrived)
{
    run_clean(amain_bytes);
}

static int amain_refused(void *arg)
{
    struct flipper flipper = {.fails = -EPROTO};
    struct flipper other = {0};
    bide_stream *pair[2];
    char byte;
    (void)arg;
    CHECK_OK(bide_stream_pair(pair));
    CHECK_ERR(bide_stream_put_transport(pair[0], &transport, &flipper),
              -EPROTO);
    CHECK_ERR(bide_stream_put_transport(pair[0], &transport, &other), -EPIPE);
    CHECK_INT(other.released, 1);
    CHECK_INT(other.started, 0);
    CHECK_ERR(bide_stream_read(pair[0], &byte, 1), -EPROTO);
    CHECK_ERR(bide_stream_write(pair[0], "a", 1), -EPIPE);
    bide_stream_abort(pair[0]);
    CHECK_INT(flipper.aborted, 1);
    CHECK_INT(flipper.released, 1);
    bide_stream_close(pair[1]);
    return 0;
}

TEST(after_a_start_that_failed_the_stream_can_only_be_closed)
{
    run_clean(amain_refused);
}

static int leave_open(void *arg)
{
    bide_stream *pair[2];
    CHECK_OK(bide_stream_pair(pair));
    return bide_stream_put_transport(pair[0], &transport, arg);
}

TEST(the_loop_closes_both_streams_that_were_left_open)
{
    struct flipper flipper = {0};
    run_clean_with(leave_open, &flipper, NULL);
    CHECK_INT(flipper.closed, 1);
    CHECK_INT(flipper.released, 1);
}
