/* SPDX-License-Identifier: MIT */
/* stream_test.c — reading and writing streams, and what ends them. */
#include <bide.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "helpers/death.h"
#include "test.h"

static bide_stream *ends[2];

/* Run a test within a loop, with two connected streams. */
static int with_pair(void *arg)
{
    int (*body)(void) = *(int (**)(void))arg;
    int rc = bide_stream_pair(ends);
    if (!CHECK_OK(rc))
        return rc;
    rc = body();
    bide_stream_close(ends[0]);
    bide_stream_close(ends[1]);
    return rc;
}

static int run_pair(int (*body)(void))
{
    return bide_run(with_pair, &body);
}

static int put(const char *text)
{
    return bide_stream_write(ends[0], text, strlen(text));
}

/* ── Reading ──────────────────────────────────────────────────────────── */

static int read_pieces(void)
{
    char buf[16];
    CHECK_OK(put("hello world"));
    CHECK_INT(bide_stream_read(ends[1], buf, 5), 5);
    CHECK_MEM(buf, "hello", 5);
    CHECK_INT(bide_stream_read(ends[1], buf, sizeof buf), 6);
    CHECK_MEM(buf, " world", 6);
    CHECK_OK(bide_stream_write_eof(ends[0]));
    CHECK(!bide_stream_at_eof(ends[1]));
    CHECK_INT(bide_stream_read(ends[1], buf, sizeof buf), 0);
    CHECK(bide_stream_at_eof(ends[1]));
    CHECK_INT(bide_stream_read(ends[1], buf, sizeof buf), 0);
    return 0;
}

TEST(read_returns_what_is_there_and_zero_at_the_end)
{
    CHECK_OK(run_pair(read_pieces));
}

static int half_close(void)
{
    char buf[8];
    CHECK_OK(bide_stream_write_eof(ends[0]));
    CHECK_ERR(put("more"), -EPIPE);
    CHECK_INT(bide_stream_read(ends[1], buf, sizeof buf), 0);
    CHECK_OK(bide_stream_write(ends[1], "still", 5));
    CHECK_INT(bide_stream_read(ends[0], buf, sizeof buf), 5);
    return 0;
}

TEST(one_side_can_end_while_the_other_goes_on)
{
    CHECK_OK(run_pair(half_close));
}

static int read_exactly(void)
{
    char buf[16];
    CHECK_OK(put("abcd"));
    CHECK_INT(bide_stream_readexactly(ends[1], buf, 0), 0);
    CHECK_INT(bide_stream_readexactly(ends[1], buf, 3), 3);
    CHECK_MEM(buf, "abc", 3);
    CHECK_OK(put("ef"));
    CHECK_OK(bide_stream_write_eof(ends[0]));
    CHECK_ERR(bide_stream_readexactly(ends[1], buf, 8), BIDE_E_INCOMPLETE);
    CHECK_STR(bide_errmsg(BIDE_E_INCOMPLETE),
              "the stream ended after 3 of 8 bytes");
    CHECK_INT(bide_stream_read(ends[1], buf, sizeof buf), 3);
    CHECK_MEM(buf, "def", 3); /* nothing was lost */
    return 0;
}

TEST(readexactly_reads_all_or_leaves_it_there)
{
    CHECK_OK(run_pair(read_exactly));
}

static int read_until(void)
{
    char buf[32];
    CHECK_OK(put("key: value\r\nrest"));
    CHECK_INT(bide_stream_readuntil(ends[1], "\r\n", 2, buf, sizeof buf), 12);
    CHECK_MEM(buf, "key: value\r\n", 12);
    CHECK_ERR(bide_stream_readuntil(ends[1], "", 0, buf, sizeof buf), -EINVAL);
    CHECK_ERR(bide_stream_readuntil(ends[1], "t", 1, buf, 3), BIDE_E_LIMIT);
    CHECK_OK(bide_stream_write_eof(ends[0]));
    CHECK_ERR(bide_stream_readuntil(ends[1], "\n", 1, buf, sizeof buf),
              BIDE_E_INCOMPLETE);
    CHECK_INT(bide_stream_readuntil(ends[1], "t", 1, buf, 4), 4);
    CHECK_MEM(buf, "rest", 4);
    return 0;
}

TEST(readuntil_finds_its_separator_or_leaves_all_there)
{
    CHECK_OK(run_pair(read_until));
}

static int write_slowly(void *arg)
{
    for (const char *c = arg; *c; c++) {
        int rc = bide_stream_write(ends[0], c, 1);
        if (rc == 0)
            rc = bide_sleep(0.0002);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int separator_in_pieces(void)
{
    char buf[32];
    bide_task *writer = bide_create_task(write_slowly, "ab--c---d");
    CHECK_INT(bide_stream_readuntil(ends[1], "---", 3, buf, sizeof buf), 8);
    CHECK_MEM(buf, "ab--c---", 8);
    CHECK_INT(bide_stream_read(ends[1], buf, 1), 1);
    return bide_await(writer);
}

TEST(a_separator_may_arrive_byte_by_byte)
{
    CHECK_OK(run_pair(separator_in_pieces));
}

static int read_lines(void)
{
    char line[8];
    CHECK_OK(put("one\n\nlong line\nend"));
    CHECK_OK(bide_stream_write_eof(ends[0]));
    CHECK_INT(bide_stream_readline(ends[1], line, sizeof line), 4);
    CHECK_STR(line, "one\n");
    CHECK_INT(bide_stream_readline(ends[1], line, sizeof line), 1);
    CHECK_STR(line, "\n");
    CHECK_ERR(bide_stream_readline(ends[1], line, sizeof line), BIDE_E_LIMIT);
    CHECK_INT(bide_stream_readexactly(ends[1], line, 5), 5);
    CHECK_INT(bide_stream_readline(ends[1], line, sizeof line), 5);
    CHECK_STR(line, "line\n");
    CHECK_INT(bide_stream_readline(ends[1], line, sizeof line), 3);
    CHECK_STR(line, "end");
    CHECK_INT(bide_stream_readline(ends[1], line, sizeof line), 0);
    CHECK_STR(line, "");
    return 0;
}

TEST(readline_gives_lines_and_the_rest_at_the_end)
{
    CHECK_OK(run_pair(read_lines));
}

static int peek(void)
{
    const char *data;
    CHECK_OK(put("abc"));
    CHECK_INT(bide_stream_peek(ends[1], 2, &data), 3);
    CHECK_MEM(data, "abc", 3);
    bide_stream_skip(ends[1], 1);
    CHECK_OK(put("d"));
    CHECK_INT(bide_stream_peek(ends[1], 3, &data), 3);
    CHECK_MEM(data, "bcd", 3);
    CHECK_OK(bide_stream_write_eof(ends[0]));
    CHECK_INT(bide_stream_peek(ends[1], 10, &data), 3);
    CHECK_ERR(bide_stream_peek(ends[1], 1u << 20, &data), BIDE_E_LIMIT);
    bide_stream_skip(ends[1], 3);
    CHECK_INT(bide_stream_peek(ends[1], 1, &data), 0);
    return 0;
}

TEST(peek_shows_and_skip_consumes)
{
    CHECK_OK(run_pair(peek));
}

static int bad_lengths(void)
{
    char c;
    CHECK_ERR(bide_stream_read(ends[1], &c, 0), -EINVAL);
    CHECK_ERR(bide_stream_read(ends[1], &c, BIDE_IO_MAX + 1), -EINVAL);
    CHECK_ERR(bide_stream_write(ends[0], &c, BIDE_IO_MAX + 1), -EINVAL);
    CHECK_OK(bide_stream_write(ends[0], NULL, 0));
    CHECK_ERR(bide_stream_writev(ends[0], NULL, 1025), -EINVAL);
    return 0;
}

TEST(lengths_out_of_range_are_refused)
{
    CHECK_OK(run_pair(bad_lengths));
}

/* ── Large amounts ────────────────────────────────────────────────────── */

#define LARGE ((size_t)3 << 20)

static char *large;

static int write_large(void *arg)
{
    (void)arg;
    return bide_stream_write(ends[0], large, LARGE);
}

static int transfer(void)
{
    char *copy = malloc(LARGE);
    large = malloc(LARGE);
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (char)(i * 31 >> 3);
    bide_task *writer = bide_create_task(write_large, NULL);
    CHECK_INT(bide_stream_readexactly(ends[1], copy, LARGE), LARGE);
    CHECK_OK(bide_await(writer));
    CHECK_MEM(copy, large, LARGE);

    writer = bide_create_task(write_large, NULL); /* in pieces of any size */
    memset(copy, 0, LARGE);
    size_t got = 0;
    for (size_t piece = 1; got < LARGE; piece = piece * 3 % 100003) {
        size_t room = LARGE - got < piece ? LARGE - got : piece;
        ssize_t n = bide_stream_read(ends[1], copy + got, room);
        if (!CHECK(n > 0))
            break;
        got += (size_t)n;
    }
    CHECK_OK(bide_await(writer));
    CHECK_MEM(copy, large, LARGE);
    free(copy);
    free(large);
    return 0;
}

TEST(megabytes_arrive_as_they_were_sent)
{
    CHECK_OK(run_pair(transfer));
}

static int slow_reader(void)
{
    char byte;
    large = calloc(1, LARGE);
    bide_task *writer = bide_create_task(write_large, NULL);
    CHECK_INT(bide_stream_read(ends[1], &byte, 1), 1);
    for (int i = 0; i < 200; i++)
        CHECK_OK(bide_sleep(0.0001));
    CHECK(!bide_task_done(writer)); /* nobody took the rest in */
    bide_task_cancel(writer);
    CHECK_ERR(bide_await(writer), -ECANCELED);
    CHECK_ERR(put("after a message cut off"), -EPIPE);
    free(large);
    return 0;
}

TEST(a_slow_reader_holds_the_writer_up)
{
    CHECK_OK(run_pair(slow_reader));
}

static int write_vectors(void)
{
    char buf[16];
    const struct iovec iov[] = {
        {(void *)(uintptr_t) "one", 3},
        {NULL, 0},
        {(void *)(uintptr_t) "two", 3},
    };
    CHECK_OK(bide_stream_writev(ends[0], iov, 3));
    CHECK_INT(bide_stream_readexactly(ends[1], buf, 6), 6);
    CHECK_MEM(buf, "onetwo", 6);
    return 0;
}

TEST(writev_sends_several_buffers_as_one)
{
    CHECK_OK(run_pair(write_vectors));
}

/* ── Several tasks ────────────────────────────────────────────────────── */

#define PIECE 300000

static int write_letters(void *arg)
{
    char *letters = malloc(PIECE);
    memset(letters, *(char *)arg, PIECE);
    int rc = bide_stream_write(ends[0], letters, PIECE);
    free(letters);
    return rc;
}

static int write_together(void)
{
    static char a = 'a', b = 'b', c = 'c';
    char *all = malloc(3 * PIECE);
    bide_task *writers[] = {
        bide_create_task(write_letters, &a),
        bide_create_task(write_letters, &b),
        bide_create_task(write_letters, &c),
    };
    CHECK_INT(bide_stream_readexactly(ends[1], all, 3 * PIECE), 3 * PIECE);
    CHECK_OK(bide_gather(writers, 3));
    int changes = 0;
    for (int i = 1; i < 3 * PIECE; i++)
        changes += all[i] != all[i - 1];
    CHECK_INT(changes, 2); /* each piece stayed together */
    free(all);
    return 0;
}

TEST(writers_take_turns_and_do_not_mix)
{
    CHECK_OK(run_pair(write_together));
}

static int cancel_queued_writer(void)
{
    static char a = 'a', b = 'b';
    char *all = malloc(PIECE);
    bide_task *first = bide_create_task(write_letters, &a);
    bide_task *second = bide_create_task(write_letters, &b);
    CHECK_OK(bide_sleep(0.001));
    bide_task_cancel(second);
    CHECK_ERR(bide_await(second), -ECANCELED);
    CHECK_INT(bide_stream_readexactly(ends[1], all, PIECE), PIECE);
    CHECK_OK(bide_await(first));
    CHECK_OK(put("fine")); /* nothing was cut off */
    free(all);
    return 0;
}

TEST(a_writer_cancelled_in_the_queue_leaves_no_trace)
{
    CHECK_OK(run_pair(cancel_queued_writer));
}

static int read_into(void *arg)
{
    return (int)bide_stream_read(ends[1], arg, 8);
}

static int cancel_reader(void)
{
    char buf[8] = "";
    for (int i = 0; i < 3; i++) {
        bide_task *reader = bide_create_task(read_into, buf);
        CHECK_OK(bide_sleep(0.0005));
        bide_task_cancel(reader);
        CHECK_ERR(bide_await(reader), -ECANCELED);
    }
    CHECK_OK(put("kept"));
    CHECK_INT(bide_stream_read(ends[1], buf, sizeof buf), 4);
    CHECK_MEM(buf, "kept", 4);
    return 0;
}

TEST(a_cancelled_read_consumes_nothing)
{
    CHECK_OK(run_pair(cancel_reader));
}

static int read_eight(void *arg)
{
    return (int)bide_stream_readexactly(ends[1], arg, 8);
}

static bide_task *victim;

static void cancel_victim(bide_timer *timer)
{
    (void)timer;
    bide_task_cancel(victim);
}

/* One poll brings half of the bytes and then the cancellation: the reader has
 * been woken and has not run yet. */
static int cancel_between_pieces(void)
{
    char buf[8];
    bide_timer timer = {.fire = cancel_victim};
    victim = bide_create_task(read_eight, buf);
    CHECK_OK(bide_sleep(0.001));
    CHECK_INT(write(bide_stream_fileno(ends[0]), "1234", 4), 4);
    bide_engine_timer_set(bide_loop_engine(bide_loop_current()), &timer, 0);
    CHECK_INT(bide_wait(&victim, 1, BIDE_ALL_COMPLETED, 2), 1);
    CHECK_OK(put("5678")); /* ends it if it has missed the request */
    CHECK_ERR(bide_await(victim), -ECANCELED);
    CHECK_INT(bide_stream_readexactly(ends[1], buf, 8), 8);
    CHECK_MEM(buf, "12345678", 8);
    return 0;
}

TEST(a_cancellation_between_two_pieces_is_not_missed)
{
    CHECK_OK(run_pair(cancel_between_pieces));
}

static int timeout_reader(void)
{
    char buf[8];
    bide_timeout timeout;
    bide_timeout_enter(&timeout, 0.001);
    ssize_t n = bide_stream_readexactly(ends[1], buf, 8);
    CHECK_INT(n, -ECANCELED);
    CHECK_ERR(bide_timeout_exit(&timeout, (int)n), -ETIME);
    CHECK_OK(put("12345678"));
    CHECK_INT(bide_stream_readexactly(ends[1], buf, 8), 8);
    return 0;
}

TEST(a_timeout_bounds_a_read)
{
    CHECK_OK(run_pair(timeout_reader));
}

static int close_under_reader(void *arg)
{
    bide_stream *pair[2];
    char buf[8];
    (void)arg;
    CHECK_OK(bide_stream_pair(pair));
    ends[1] = pair[1];
    bide_task *reader = bide_create_task(read_into, buf);
    CHECK_OK(bide_sleep(0.001));
    bide_stream_close(pair[1]);
    CHECK_ERR(bide_await(reader), -EBADF);
    CHECK_INT(bide_stream_read(pair[0], buf, 8), 0); /* the peer sees it */
    bide_stream_close(pair[0]);
    return 0;
}

TEST(closing_ends_the_read_of_another_task)
{
    CHECK_OK(bide_run(close_under_reader, NULL));
}

static int close_under_writer(void *arg)
{
    bide_stream *pair[2];
    (void)arg;
    CHECK_OK(bide_stream_pair(pair));
    ends[0] = pair[0];
    large = calloc(1, LARGE);
    bide_task *first = bide_create_task(write_large, NULL);
    bide_task *second = bide_create_task(write_large, NULL);
    CHECK_OK(bide_sleep(0.001));
    bide_stream_close(pair[0]);
    CHECK_ERR(bide_await(first), -EBADF);
    CHECK_ERR(bide_await(second), -EBADF);
    bide_stream_close(pair[1]);
    free(large);
    return 0;
}

TEST(closing_ends_the_writes_of_other_tasks)
{
    CHECK_OK(bide_run(close_under_writer, NULL));
}

/* ── Peers that go away ───────────────────────────────────────────────── */

static int peer_resets(bide_stream *stream, void *arg)
{
    char c;
    (void)arg;
    ssize_t n = bide_stream_read(stream, &c, 1);
    bide_stream_abort(stream);
    return n < 0 ? (int)n : 0;
}

static int meet_reset(void *arg)
{
    bide_server *server;
    bide_stream *stream;
    char c;
    (void)arg;
    CHECK_OK(bide_start_server("127.0.0.1", 0, peer_resets, NULL, NULL,
                               &server));
    CHECK_OK(bide_open_connection("127.0.0.1", bide_server_port(server), NULL,
                                  &stream));
    CHECK_OK(bide_stream_write(stream, "x", 1));
    CHECK_ERR(bide_stream_read(stream, &c, 1), -ECONNRESET);
    CHECK_ERR(bide_stream_read(stream, &c, 1), -ECONNRESET);
    int rc = 0;
    while (rc == 0)
        rc = bide_stream_write(stream, "y", 1);
    CHECK(rc == -EPIPE || rc == -ECONNRESET);
    bide_stream_close(stream);
    return bide_server_close(server);
}

TEST(a_reset_is_an_error_and_no_signal)
{
    CHECK_OK(bide_run(meet_reset, NULL));
}

static int read_what_came_before(void)
{
    char buf[16];
    CHECK_OK(put("last words"));
    int fd = dup(bide_stream_fileno(ends[0]));
    shutdown(fd, SHUT_RDWR);
    close(fd);
    CHECK_INT(bide_stream_readexactly(ends[1], buf, 10), 10);
    CHECK_MEM(buf, "last words", 10);
    CHECK_INT(bide_stream_read(ends[1], buf, sizeof buf), 0);
    return 0;
}

TEST(what_came_before_the_end_can_be_read)
{
    CHECK_OK(run_pair(read_what_came_before));
}

/* ── Opening and misuse ───────────────────────────────────────────────── */

static int open_badly(void *arg)
{
    bide_stream *stream;
    (void)arg;
    CHECK_ERR(bide_stream_open(-1, 0, &stream), -EBADF);
    CHECK_ERR(bide_stream_open(0, 7, &stream), -EINVAL);
    CHECK_STR(bide_errmsg(-EINVAL),
              "limit is 7 bytes, must be 16 to 1073741824");
    return 0;
}

TEST(a_stream_of_nothing_is_refused)
{
    CHECK_OK(bide_run(open_badly, NULL));
}

static int read_beside(void)
{
    char buf[8], other[8];
    bide_task *reader = bide_create_task(read_into, buf);
    int rc = bide_sleep(0.001);
    ssize_t n = bide_stream_read(ends[1], other, 8);
    bide_task_detach(reader);
    return rc < 0 ? rc : (int)n;
}

static void two_readers(void)
{
    (void)run_pair(read_beside);
}

TEST(two_tasks_must_not_read_one_stream)
{
    CHECK_DIES(two_readers, "while another task reads the stream");
}

static int close_again(void *arg)
{
    bide_stream *pair[2];
    (void)arg;
    int rc = bide_stream_pair(pair);
    char c;
    ends[1] = pair[1];
    bide_task_detach(bide_create_task(read_into, &c));
    rc = bide_sleep(0.001);
    bide_stream_close(pair[1]);
    bide_stream_close(pair[1]);
    return rc;
}

static void close_twice(void)
{
    (void)!bide_run(close_again, NULL);
}

TEST(closing_twice_is_misuse)
{
    CHECK_DIES(close_twice, "for a stream that is closed already");
}
