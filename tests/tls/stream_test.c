/* SPDX-License-Identifier: MIT */
/*
 * stream_test.c — a secure stream is a stream: every function works on it,
 * and what is of TLS alone: ALPN, resumption, good-byes, start_tls.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pair.h"

static bide_stream *open_to(const struct secure *secure)
{
    bide_stream *stream = NULL;
    CHECK_OK(secure_connect(secure, "localhost", &stream));
    return stream;
}

/* ── Functions of streams ─────────────────────────────────────────────── */

static int recite(bide_stream *stream, void *arg)
{
    static const struct iovec iov[] = {
        {(void *)(uintptr_t) "one\ntwo", 7},
        {(void *)(uintptr_t) "\n", 1},
        {NULL, 0},
        {(void *)(uintptr_t) "three|four", 10},
    };
    (void)arg;
    return bide_stream_writev(stream, iov, 4);
}

static int amain_functions(void *arg)
{
    struct secure secure;
    char buf[64];
    const char *data;
    struct sockaddr_storage address;
    (void)arg;
    secure_open(&secure, GOOD, recite, NULL, NULL, NULL);
    bide_stream *stream = open_to(&secure);
    CHECK(bide_stream_fileno(stream) >= 0);
    CHECK_OK(bide_stream_peername(stream, &address));
    CHECK_OK(bide_stream_sockname(stream, &address));
    CHECK_INT(bide_stream_readline(stream, buf, sizeof buf), 4);
    CHECK_STR(buf, "one\n");
    CHECK_INT(bide_stream_readexactly(stream, buf, 4), 4);
    CHECK_MEM(buf, "two\n", 4);
    CHECK_INT(bide_stream_readuntil(stream, "|", 1, buf, sizeof buf), 6);
    CHECK_INT(bide_stream_peek(stream, 4, &data), 4);
    CHECK_MEM(data, "four", 4);
    bide_stream_skip(stream, 2);
    CHECK_INT(bide_stream_read(stream, buf, sizeof buf), 2);
    CHECK(!bide_stream_at_eof(stream));
    CHECK_INT(bide_stream_read(stream, buf, sizeof buf), 0);
    CHECK(bide_stream_at_eof(stream));
    bide_stream_close(stream);
    secure_close(&secure);
    return 0;
}

TEST(every_function_of_streams_works)
{
    run_clean(amain_functions);
}

/* ── Much data ────────────────────────────────────────────────────────── */

#define LARGE ((size_t)3000000)

static unsigned char pattern(size_t i)
{
    return (unsigned char)(i * 7 + i / 251);
}

static int send_pattern(void *arg)
{
    unsigned char *data = malloc(LARGE);
    for (size_t i = 0; i < LARGE; i++)
        data[i] = pattern(i);
    int rc = bide_stream_write(arg, data, LARGE);
    if (rc == 0)
        rc = bide_stream_write_eof(arg);
    free(data);
    return rc;
}

static int check_pattern(bide_stream *stream)
{
    unsigned char buf[5000];
    size_t at = 0;
    for (;;) {
        ssize_t n = bide_stream_read(stream, buf, sizeof buf);
        if (n <= 0) {
            CHECK_INT(n, 0);
            CHECK_INT(at, LARGE);
            return (int)n;
        }
        for (ssize_t i = 0; i < n; i++, at++)
            if (buf[i] != pattern(at))
                return bide_raise(-EPROTO, "byte %zu is wrong", at);
    }
}

static int exchange(bide_stream *stream, void *arg)
{
    (void)arg;
    bide_task *task = bide_create_task(send_pattern, stream);
    int rc = check_pattern(stream);
    int sent = bide_await(task);
    return rc < 0 ? rc : sent;
}

static int amain_large(void *arg)
{
    struct secure secure;
    (void)arg;
    watch_reports();
    secure_open(&secure, GOOD, exchange, NULL, NULL, NULL);
    bide_stream *stream = open_to(&secure);
    CHECK_OK(exchange(stream, NULL));
    bide_stream_close(stream);
    CHECK_OK(bide_server_wait(secure.server));
    CHECK_INT(reports.count, 0);
    secure_close(&secure);
    return 0;
}

TEST(much_data_goes_both_ways_at_once_and_each_way_ends_alone)
{
    run_clean(amain_large);
}

static int send_and_leave(bide_stream *stream, void *arg)
{
    char *data = calloc(1, LARGE);
    (void)arg;
    int rc = bide_stream_write(stream, data, LARGE);
    free(data);
    return rc;
}

static int amain_slow_reader(void *arg)
{
    struct secure secure;
    char buf[4096];
    size_t got = 0;
    ssize_t n;
    (void)arg;
    secure_open(&secure, GOOD, send_and_leave, NULL, NULL, NULL);
    bide_stream *stream = open_to(&secure);
    CHECK_OK(bide_sleep(0.05));
    while ((n = bide_stream_read(stream, buf, sizeof buf)) > 0)
        got += (size_t)n;
    CHECK_INT(n, 0);
    CHECK_INT(got, LARGE);
    bide_stream_close(stream);
    secure_close(&secure);
    return 0;
}

TEST(a_slow_reader_gets_all_and_the_good_bye)
{
    run_clean(amain_slow_reader);
}

/* ── Ends ─────────────────────────────────────────────────────────────── */

static int break_off(bide_stream *stream, void *arg)
{
    (void)arg;
    int rc = bide_stream_write(stream, "part", 4);
    CHECK_OK(shutdown(bide_stream_fileno(stream), SHUT_WR));
    return rc;
}

static int amain_truncated(void *arg)
{
    struct secure secure;
    char buf[16];
    (void)arg;
    secure_open(&secure, GOOD, break_off, NULL, NULL, NULL);
    bide_stream *stream = open_to(&secure);
    CHECK_INT(bide_stream_read(stream, buf, sizeof buf), 4);
    CHECK_ERR(bide_stream_read(stream, buf, sizeof buf),
              BIDE_E_TLS_TRUNCATED);
    CHECK_ERR(bide_stream_read(stream, buf, sizeof buf),
              BIDE_E_TLS_TRUNCATED);
    CHECK(!bide_stream_at_eof(stream));
    bide_stream_close(stream);
    secure_close(&secure);
    return 0;
}

TEST(an_end_without_good_bye_is_an_error_of_its_own)
{
    run_clean(amain_truncated);
}

static int reset(bide_stream *stream, void *arg)
{
    (void)arg;
    bide_stream_abort(stream);
    return 0;
}

static int amain_abort(void *arg)
{
    struct secure secure;
    char buf[16];
    (void)arg;
    secure_open(&secure, GOOD, reset, NULL, NULL, NULL);
    bide_stream *stream;
    int rc = secure_connect(&secure, "localhost", &stream);
    if (rc == 0) {
        CHECK_ERR(bide_stream_read(stream, buf, sizeof buf), -ECONNRESET);
        bide_stream_close(stream);
    } else {
        CHECK_INT(rc, -ECONNRESET);
    }
    secure_close(&secure);
    return 0;
}

TEST(aborting_resets_the_connection)
{
    run_clean(amain_abort);
}

static int read_one(void *arg)
{
    char byte;
    return (int)bide_stream_read(arg, &byte, 1);
}

static int amain_close_under_reader(void *arg)
{
    struct secure secure;
    (void)arg;
    secure_open(&secure, GOOD, echo, NULL, NULL, NULL);
    bide_stream *stream = open_to(&secure);
    bide_task *task = bide_create_task(read_one, stream);
    CHECK_OK(bide_sleep(0));
    bide_stream_close(stream);
    CHECK_ERR(bide_await(task), -EBADF);
    secure_close(&secure);
    return 0;
}

TEST(closing_wakes_who_reads)
{
    run_clean(amain_close_under_reader);
}

/* ── Cancelling ───────────────────────────────────────────────────────── */

static int amain_cancel(void *arg)
{
    struct secure secure;
    (void)arg;
    secure_open(&secure, GOOD, echo, NULL, NULL, NULL);
    bide_stream *stream = open_to(&secure);
    bide_task *task = bide_create_task(read_one, stream);
    CHECK_OK(bide_sleep(0));
    CHECK(bide_task_cancel(task));
    CHECK_ERR(bide_await(task), -ECANCELED);
    CHECK_OK(check_echo(stream, "still here\n"));
    bide_stream_close(stream);
    secure_close(&secure);
    return 0;
}

TEST(a_read_that_was_cancelled_loses_nothing)
{
    run_clean(amain_cancel);
}

static int amain_silent_peer(void *arg)
{
    struct sockaddr_in address;
    int fd = plain_listen(1, &address);
    const bide_tls_options options = {.handshake_timeout = 0.02};
    bide_tls_context *tls = client_context(&options);
    const bide_connection_options connection = {.tls = tls};
    bide_stream *stream;
    (void)arg;
    CHECK_ERR(bide_open_connection("127.0.0.1", ntohs(address.sin_port),
                                   &connection, &stream),
              -ETIME);
    CHECK_STR(bide_errmsg(-ETIME), "no TLS handshake within 0.02 s");
    bide_tls_close(tls);
    close(fd);
    return 0;
}

TEST(a_peer_that_does_not_shake_hands_is_given_up)
{
    run_clean(amain_silent_peer);
}

/* ── What is agreed ───────────────────────────────────────────────────── */

static int amain_alpn(void *arg)
{
    struct secure secure;
    bide_tls_info info;
    const bide_tls_options server = {.alpn = "h2,http/1.1"};
    const bide_tls_options client = {.alpn = "http/1.1,h2"};
    const bide_tls_options other = {.alpn = "smtp"};
    (void)arg;
    secure_open(&secure, GOOD, echo, NULL, &server, &client);
    bide_stream *stream = open_to(&secure);
    CHECK_OK(bide_stream_tls_info(stream, &info));
    CHECK_STR(info.alpn, "h2");
    CHECK_STR(info.version, "TLSv1.3");
    CHECK_STR(info.host, "localhost");
    CHECK_STR(info.peer, "CN=good");
    CHECK(!info.resumed);
    bide_stream_close(stream);
    secure_close(&secure);
    secure_open(&secure, GOOD, echo, NULL, &server, &other);
    CHECK_ERR(secure_connect(&secure, "localhost", &stream), BIDE_E_TLS);
    secure_close(&secure);
    return 0;
}

TEST(the_servers_first_protocol_that_the_client_has_is_agreed_on)
{
    run_clean(amain_alpn);
}

static bool connect_resumed(const struct secure *secure)
{
    bide_tls_info info = {.resumed = false};
    bide_stream *stream = open_to(secure);
    CHECK_OK(check_echo(stream, "hello\n"));
    CHECK_OK(bide_stream_tls_info(stream, &info));
    CHECK_STR(info.peer, "CN=good");
    bide_stream_close(stream);
    return info.resumed;
}

static int amain_resume(void *arg)
{
    struct secure secure;
    (void)arg;
    secure_open(&secure, GOOD, echo, NULL, NULL, NULL);
    CHECK(!connect_resumed(&secure));
    CHECK(connect_resumed(&secure));
    CHECK(connect_resumed(&secure));
    secure_close(&secure);
    return 0;
}

TEST(a_second_connection_resumes_the_session)
{
    run_clean(amain_resume);
}

/* ── Upgrades ─────────────────────────────────────────────────────────── */

static int upgrade_server(bide_stream *stream, void *arg)
{
    char line[16];
    ssize_t n = bide_stream_readline(stream, line, sizeof line);
    if (n < 0)
        return (int)n;
    CHECK_STR(line, "STARTTLS\n");
    int rc = bide_stream_write(stream, "go\n", 3);
    if (rc == 0)
        rc = bide_stream_start_tls(stream, arg, NULL);
    return rc < 0 ? rc : echo(stream, NULL);
}

static int amain_upgrade(void *arg)
{
    bide_tls_context *server_tls = server_context(GOOD, NULL);
    bide_tls_context *client_tls = client_context(NULL);
    bide_server *server = start(upgrade_server, server_tls);
    bide_stream *stream;
    bide_tls_info info;
    char line[16];
    (void)arg;
    CHECK_OK(connect_to(server, &stream));
    CHECK_ERR(bide_stream_tls_info(stream, &info), -ENOTCONN);
    CHECK_OK(bide_stream_write(stream, "STARTTLS\n", 9));
    CHECK_INT(bide_stream_readline(stream, line, sizeof line), 3);
    CHECK_OK(bide_stream_start_tls(stream, client_tls, "localhost"));
    CHECK_OK(bide_stream_tls_info(stream, &info));
    CHECK_OK(check_echo(stream, "secret\n"));
    CHECK_ERR(bide_stream_start_tls(stream, client_tls, "localhost"),
              -EALREADY);
    CHECK_OK(check_echo(stream, "still\n"));
    bide_stream_close(stream);
    CHECK_OK(bide_server_close(server));
    bide_tls_close(server_tls);
    bide_tls_close(client_tls);
    return 0;
}

TEST(a_live_stream_becomes_secure)
{
    run_clean(amain_upgrade);
}

static int amain_unix(void *arg)
{
    bide_tls_context *server_tls = server_context(GOOD, NULL);
    bide_tls_context *client_tls = client_context(NULL);
    const bide_server_options server_options = {.tls = server_tls};
    bide_connection_options options = {.tls = client_tls};
    bide_server *server;
    bide_stream *stream;
    char path[64]; /* other processes run this test, too */
    (void)arg;
    snprintf(path, sizeof path, "@bide-tls-test-%d", (int)getpid());
    CHECK_OK(bide_start_unix_server(path, echo, NULL, &server_options,
                                    &server));
    CHECK_ERR(bide_open_unix_connection(path, &options, &stream), -EINVAL);
    options.tls_host = "localhost";
    CHECK_OK(bide_open_unix_connection(path, &options, &stream));
    CHECK_OK(check_echo(stream, "hello\n"));
    bide_stream_close(stream);
    CHECK_OK(bide_server_close(server));
    bide_tls_close(server_tls);
    bide_tls_close(client_tls);
    return 0;
}

TEST(sockets_of_a_path_can_be_secure)
{
    run_clean(amain_unix);
}
