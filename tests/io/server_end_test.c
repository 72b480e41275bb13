/* SPDX-License-Identifier: MIT */
/* server_end_test.c — stopping and closing servers, in peace and in trouble. */
#include <bide.h>
#include <signal.h>

#include "helpers/death.h"
#include "helpers/journal.h"
#include "helpers/torture.h"
#include "server.h"
#include "test.h"

/* ── Ending ───────────────────────────────────────────────────────────── */

struct tally {
    int begun;
    int cancelled;
    int ended;
};

static int wait_for_end(bide_stream *stream, void *arg)
{
    struct tally *tally = arg;
    char byte;
    tally->begun++;
    int rc = (int)bide_stream_read(stream, &byte, 1);
    if (rc == -ECANCELED) {
        tally->cancelled++;
        CHECK_OK(bide_sleep(0.001)); /* cleaning up may take its time */
    }
    tally->ended++;
    return rc;
}

static int amain_close(void *arg)
{
    (void)arg;
    struct tally tally = {0};
    bide_stream *streams[5];
    bide_server *server = start(wait_for_end, &tally);
    for (int i = 0; i < 5; i++)
        CHECK_OK(connect_to(server, &streams[i]));
    while (tally.begun < 5)
        CHECK_OK(bide_sleep(0));
    CHECK_OK(bide_server_close(server));
    CHECK_INT(tally.cancelled, 5);
    CHECK_INT(tally.ended, 5);
    for (int i = 0; i < 5; i++) {
        char byte;
        CHECK_INT(bide_stream_read(streams[i], &byte, 1), 0);
        bide_stream_close(streams[i]);
    }
    CHECK_OK(bide_server_close(NULL));
    return 0;
}

TEST(closing_cancels_the_handlers_and_waits_for_them)
{
    run_clean(amain_close);
}

/* Returns whether the handler had not begun when the server was closed. */
static bool close_early(void)
{
    struct tally tally = {0};
    bide_server *server = start(wait_for_end, &tally);
    int client = plain_connect(bide_server_port(server));
    char byte;
    await_connections(server, 1);
    bool early = tally.begun == 0;
    CHECK_OK(bide_server_close(server));
    CHECK_INT(tally.begun, early ? 0 : 1);
    CHECK_INT(tally.ended, tally.begun);
    CHECK_OK(bide_sleep(0.001));
    CHECK_INT(recv(client, &byte, 1, 0), 0);
    close(client);
    return early;
}

/* In a shuffled schedule, the handler may come first now and then. */
static int amain_early(void *arg)
{
    (void)arg;
    int tries = 0;
    while (!close_early() && tries < 100)
        tries++;
    CHECK(tries < 100);
    return 0;
}

TEST(a_handler_that_has_not_begun_is_skipped_and_its_stream_closed)
{
    run_clean(amain_early);
}

static int amain_graceful(void *arg)
{
    (void)arg;
    struct tally tally = {0};
    bide_stream *stream;
    bide_server *server = start(wait_for_end, &tally);
    int port = bide_server_port(server);
    CHECK_OK(connect_to(server, &stream));
    await_connections(server, 1);
    bide_server_stop(server);
    bide_server_stop(server); /* twice is as once */
    CHECK_INT(bide_server_port(server), port);
    CHECK_ERR(echo_once(port), -ECONNREFUSED);
    bide_timeout timeout;
    bide_timeout_enter(&timeout, 0.005);
    int rc = bide_server_wait(server);
    CHECK_ERR(bide_timeout_exit(&timeout, rc), -ETIME);
    CHECK_INT(bide_server_connections(server), 1);
    CHECK_INT(tally.cancelled, 0);
    bide_stream_close(stream);
    CHECK_OK(bide_server_wait(server));
    CHECK_INT(tally.ended, 1);
    CHECK_OK(bide_server_wait(server));
    return bide_server_close(server);
}

TEST(after_a_stop_the_handlers_end_by_themselves)
{
    run_clean(amain_graceful);
}

static int close_it(void *arg)
{
    return bide_server_close(arg);
}

static int wait_it(void *arg)
{
    return bide_server_wait(arg);
}

static int amain_cancelled_close(void *arg)
{
    (void)arg;
    struct tally tally = {0};
    bide_stream *stream;
    bide_server *server = start(wait_for_end, &tally);
    CHECK_OK(connect_to(server, &stream));
    while (tally.begun < 1)
        CHECK_OK(bide_sleep(0));
    bide_task *waiting = bide_create_task(wait_it, server);
    settle();
    bide_task *closing = bide_create_task(close_it, server);
    settle();
    bide_task_cancel(closing);
    CHECK_ERR(bide_await(closing), -ECANCELED);
    CHECK_INT(tally.ended, 1); /* it was closed all the same */
    CHECK_OK(bide_await(waiting));
    bide_stream_close(stream);
    return 0;
}

TEST(a_close_that_is_cancelled_closes_all_the_same)
{
    run_clean(amain_cancelled_close);
}

static int amain_left_open(void *arg)
{
    (void)arg;
    static struct tally tally;
    watch_reports();
    bide_server *server = start(wait_for_end, &tally);
    static int client;
    client = plain_connect(bide_server_port(server));
    await_connections(server, 1);
    CHECK_OK(bide_sleep(0));
    return client;
}

TEST(a_server_that_is_left_open_is_closed_by_the_loop)
{
    const bide_options options = {.debug = true, .slow_callback = 1000};
    int before = count_fds();
    int client = bide_run_with(amain_left_open, NULL, &options);
    CHECK_OK(client);
    close(client);
    CHECK_INT(count_fds(), before);
    CHECK_STR(reports.text,
              "a server was never closed; it is closed now, at the loop's "
              "end");
}

/* ── Anything goes wrong ──────────────────────────────────────────────── */

static int scenario(void *arg)
{
    (void)arg;
    bide_server *server;
    int rc =
        bide_start_server("127.0.0.1", 0, echo, NULL, NULL, &server);
    if (rc < 0)
        return rc;
    watch_reports(); /* a lack of memory is reported, and expected */
    bide_stream *stream;
    rc = connect_to(server, &stream);
    if (rc == 0) {
        rc = check_echo(stream, "one\n");
        bide_stream_close(stream);
    }
    bide_server_stop(server);
    int waited = bide_server_wait(server);
    int closed = bide_server_close(server);
    rc = rc < 0 ? rc : waited < 0 ? waited : closed;
    /* A server that lacked memory has dropped the connection. */
    if (torture_disturbs() && (rc == BIDE_E_INCOMPLETE || rc == -ECONNRESET))
        rc = -ECANCELED;
    return rc == -ECANCELED && reports.count > 0 ? -ENOMEM : rc;
}

TEST(serving_survives_failed_allocations_and_cancellation_anywhere)
{
    int before = count_fds();
    struct torture_counts counts = torture(scenario);
    CHECK(counts.runs > 20);
    CHECK_INT(count_fds(), before);
}

/* ── Misuse ───────────────────────────────────────────────────────────── */

static bide_server *misused;

static int wait_in_handler(bide_stream *stream, void *arg)
{
    (void)stream;
    (void)arg;
    return bide_server_wait(misused);
}

static int close_in_handler(bide_stream *stream, void *arg)
{
    (void)stream;
    (void)arg;
    return bide_server_close(misused);
}

static int amain_misuse(void *arg)
{
    bide_stream_handler *const *handler = arg;
    misused = start(*handler, NULL);
    return read_end(misused);
}

static void die_of_closing(void)
{
    bide_stream_handler *handler = close_in_handler;
    CHECK_OK(bide_run(amain_misuse, &handler));
}

static void die_of_waiting(void)
{
    bide_stream_handler *handler = wait_in_handler;
    CHECK_OK(bide_run(amain_misuse, &handler));
}

static void die_of_no_handler(void)
{
    bide_stream_handler *handler = NULL;
    CHECK_OK(bide_run(amain_misuse, &handler));
}

TEST(a_handler_that_waits_for_its_own_end_is_told_so)
{
    CHECK_DIES(die_of_closing, "bide_server_close() was called in a handler");
    CHECK_DIES(die_of_waiting, "bide_server_wait() was called in a handler");
    CHECK_DIES(die_of_no_handler, "without a handler");
}
