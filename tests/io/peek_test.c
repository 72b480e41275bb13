/* SPDX-License-Identifier: MIT */
/* peek_test.c — bytes that are looked at where they lie stay there. */
#include <bide.h>
#include <string.h>

#include "test.h"

enum { PIECE = 3000, PIECES = 40, TOTAL = 300000 };

static char letter(size_t i)
{
    return (char)('a' + i % 26);
}

static void fill(char *data, size_t begin, size_t len)
{
    for (size_t i = 0; i < len; i++)
        data[i] = letter(begin + i);
}

/* Whether data is what fill() gives. */
static bool is_filled(const char *data, size_t begin, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (data[i] != letter(begin + i))
            return false;
    return true;
}

static int close_both(bide_stream *ends[2])
{
    bide_stream_close(ends[0]);
    bide_stream_close(ends[1]);
    return 0;
}

/* ── While more arrives ───────────────────────────────────────────────── */

static int stays(void *arg)
{
    (void)arg;
    bide_stream *ends[2];
    static char piece[PIECE];
    CHECK_OK(bide_stream_pair(ends));
    CHECK_OK(bide_stream_write(ends[0], "seen", 4));
    const char *data;
    CHECK_INT(bide_stream_peek(ends[1], 4, &data), 4);
    for (size_t i = 0; i < PIECES; i++) {
        fill(piece, i * PIECE, PIECE);
        CHECK_OK(bide_stream_write(ends[0], piece, PIECE));
        CHECK_OK(bide_sleep(0));
        CHECK_OK(bide_stream_write(ends[1], "x", 1));
        CHECK_MEM(data, "seen", 4);
    }
    bide_stream_skip(ends[1], 4);
    for (size_t i = 0; i < PIECES; i++) {
        CHECK_INT(bide_stream_readexactly(ends[1], piece, PIECE), PIECE);
        CHECK(is_filled(piece, i * PIECE, PIECE));
    }
    return close_both(ends);
}

TEST(what_is_peeked_at_stays_while_more_arrives)
{
    CHECK_OK(bide_run(stays, NULL));
}

/* The program looks at what had to be moved since the kernel's buffer was
 * too small for it. */
static int stays_in_buffer(void *arg)
{
    (void)arg;
    bide_stream *ends[2];
    static char piece[PIECE];
    CHECK_OK(bide_stream_pair(ends));
    CHECK_OK(bide_stream_write(ends[0], "be", 2));
    const char *data;
    CHECK_INT(bide_stream_peek(ends[1], 1, &data), 2);
    CHECK_OK(bide_stream_write(ends[0], "gin", 3));
    CHECK_INT(bide_stream_peek(ends[1], 5, &data), 5);
    CHECK_MEM(data, "begin", 5);
    for (size_t i = 0; i < PIECES; i++) {
        fill(piece, i * PIECE, PIECE);
        CHECK_OK(bide_stream_write(ends[0], piece, PIECE));
        CHECK_OK(bide_sleep(0));
        CHECK_MEM(data, "begin", 5);
    }
    bide_stream_skip(ends[1], 5);
    for (size_t i = 0; i < PIECES; i++) {
        CHECK_INT(bide_stream_readexactly(ends[1], piece, PIECE), PIECE);
        CHECK(is_filled(piece, i * PIECE, PIECE));
    }
    return close_both(ends);
}

TEST(what_was_gathered_stays_while_more_arrives)
{
    CHECK_OK(bide_run(stays_in_buffer, NULL));
}

/* ── In order ─────────────────────────────────────────────────────────── */

/* Send back what comes, in parts that leave a rest behind. */
static int echo(void *arg)
{
    bide_stream *stream = arg;
    for (size_t turn = 1;; turn++) {
        const char *data;
        ssize_t n = bide_stream_peek(stream, 1, &data);
        if (n <= 0)
            return n < 0 ? (int)n : bide_stream_write_eof(stream);
        size_t part = turn % 3 ? (size_t)n : ((size_t)n + 1) / 2;
        int rc = bide_stream_write(stream, data, part);
        if (rc < 0)
            return rc;
        bide_stream_skip(stream, part);
    }
}

static int send_all(void *arg)
{
    bide_stream *stream = arg;
    static char piece[PIECE * 4];
    size_t sent = 0;
    for (size_t turn = 0; sent < TOTAL; turn++) {
        size_t len = 1 + turn * 977 % sizeof piece;
        if (len > TOTAL - sent)
            len = TOTAL - sent;
        fill(piece, sent, len);
        int rc = bide_stream_write(stream, piece, len);
        if (rc < 0)
            return rc;
        sent += len;
        if (turn % 4 == 0 && (rc = bide_sleep(0)) < 0)
            return rc;
    }
    return bide_stream_write_eof(stream);
}

static int there_and_back(void *arg)
{
    (void)arg;
    bide_stream *ends[2];
    char buf[5000];
    size_t got = 0;
    ssize_t n;
    CHECK_OK(bide_stream_pair(ends));
    bide_task *tasks[] = {bide_create_task(send_all, ends[0]),
                          bide_create_task(echo, ends[1])};
    while ((n = bide_stream_read(ends[0], buf, sizeof buf)) > 0) {
        CHECK(is_filled(buf, got, (size_t)n));
        got += (size_t)n;
    }
    CHECK_INT(n, 0);
    CHECK_INT(got, TOTAL);
    CHECK_OK(bide_gather(tasks, 2));
    return close_both(ends);
}

TEST(peeking_reading_and_skipping_keep_the_order)
{
    CHECK_OK(bide_run(there_and_back, NULL));
}
