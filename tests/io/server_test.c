/* SPDX-License-Identifier: MIT */
/*
 * server_test.c — servers: where they listen, and how they run handlers. How
 * they end is in server_end_test.c; what they do at the limit of something,
 * in server_limits_test.c.
 */
#include <bide.h>
#include <bide/transport.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "server.h"
#include "test.h"

/* ── Serving ──────────────────────────────────────────────────────────── */

static int amain_echo(void *arg)
{
    (void)arg;
    bide_server *server = start(echo, NULL);
    bide_stream *stream;
    CHECK(bide_server_port(server) > 0);
    CHECK_INT(bide_server_connections(server), 0);
    CHECK_OK(connect_to(server, &stream));
    CHECK_OK(check_echo(stream, "one\n"));
    CHECK_OK(check_echo(stream, "two\n"));
    CHECK_INT(bide_server_connections(server), 1);
    bide_stream_close(stream);
    CHECK_OK(bide_server_wait(server));
    CHECK_INT(bide_server_connections(server), 0);
    return bide_server_close(server);
}

TEST(what_is_sent_comes_back)
{
    run_clean(amain_echo);
}

static int talk(void *arg)
{
    int port = *(const int *)arg;
    for (int i = 0; i < 3; i++) {
        int rc = echo_once(port);
        if (rc < 0)
            return rc;
    }
    return 0;
}

enum { CLIENTS = 100 };

static int amain_many(void *arg)
{
    (void)arg;
    bide_server *server = start(echo, NULL);
    int port = bide_server_port(server);
    bide_task *tasks[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        tasks[i] = bide_create_task(talk, &port);
    CHECK_OK(bide_gather(tasks, CLIENTS));
    CHECK_OK(bide_server_wait(server));
    return bide_server_close(server);
}

TEST(many_clients_are_served_at_the_same_time)
{
    run_clean(amain_many);
}

static int close_early(bide_stream *stream, void *arg)
{
    int *count = arg;
    ++*count;
    if (*count % 2)
        bide_stream_close(stream);
    else
        bide_stream_abort(stream);
    return 0;
}

static int amain_closing_handlers(void *arg)
{
    (void)arg;
    int count = 0;
    bide_server *server = start(close_early, &count);
    CHECK_INT(read_end(server), 0);
    CHECK_ERR(read_end(server), -ECONNRESET);
    CHECK_INT(count, 2);
    return bide_server_close(server);
}

TEST(a_handler_may_close_or_abort_its_stream)
{
    run_clean(amain_closing_handlers);
}

static int fail(bide_stream *stream, void *arg)
{
    const int *code = arg;
    (void)stream;
    return *code ? bide_raise(*code, "something %d", 42) : 0;
}

static int amain_failing(void *arg)
{
    const bool *debug = arg;
    int code;
    bide_server *server = start(fail, &code);
    watch_reports();
    static const struct {
        int code;
        bool quiet; /* not reported at all */
        bool peer;  /* only in debug mode */
    } cases[] = {
        {-EPROTO, false, false},  {0, true, false},
        {7, true, false},         {-ECANCELED, true, false},
        {-ECONNRESET, false, true}, {-EPIPE, false, true},
        {-ETIMEDOUT, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reports.count = 0;
        code = cases[i].code;
        CHECK_INT(read_end(server), 0);
        CHECK_OK(bide_server_wait(server));
        bool expected = !cases[i].quiet && (!cases[i].peer || *debug);
        CHECK_INT(reports.count, expected);
        if (expected) {
            CHECK_INT(reports.code, code);
            CHECK(strstr(reports.text, "something 42"));
        }
    }
    return bide_server_close(server);
}

TEST(a_failed_handler_is_reported_but_not_a_peer_that_went_away)
{
    bool debug = false;
    run_clean_with(amain_failing, &debug, NULL);
}

TEST(in_debug_mode_a_peer_that_went_away_is_reported)
{
    bool debug = true;
    const bide_options options = {.debug = true, .slow_callback = 1000};
    run_clean_with(amain_failing, &debug, &options);
}

static int option_of(bide_stream *stream, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    CHECK_OK(getsockopt(bide_stream_fileno(stream), level, name, &value,
                        &len));
    return value != 0;
}

static int check_options(bide_stream *stream, void *arg)
{
    const bide_server_options *options = arg;
    struct sockaddr_storage address;
    CHECK_INT(option_of(stream, IPPROTO_TCP, TCP_NODELAY), !options->delay);
    CHECK_INT(option_of(stream, SOL_SOCKET, SO_KEEPALIVE),
              options->keep_alive);
    CHECK_INT(bide_stream_peername(stream, &address),
              sizeof(struct sockaddr_in));
    CHECK_INT(bide_stream_sockname(stream, &address),
              sizeof(struct sockaddr_in));
    bide_stream_close(stream);
    return 0;
}

static int amain_options(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        bide_server_options options = {
            .delay = i,
            .keep_alive = i,
            .stack_size = 128 << 10,
        };
        bide_server *server;
        CHECK_OK(bide_start_server("127.0.0.1", 0, check_options, &options,
                                   &options, &server));
        CHECK_INT(read_end(server), 0);
        CHECK_OK(bide_server_close(server));
    }
    return 0;
}

TEST(accepted_sockets_inherit_the_options_of_the_listener)
{
    run_clean(amain_options);
}

static bide_context_var variable;

static int check_context(bide_stream *stream, void *arg)
{
    (void)stream;
    CHECK(bide_context_get(&variable, NULL) == arg);
    return 0;
}

static int amain_context(void *arg)
{
    (void)arg;
    int value = 0;
    CHECK_OK(bide_context_set(&variable, &value, NULL));
    bide_server *server = start(check_context, &value);
    int other = 0;
    CHECK_OK(bide_context_set(&variable, &other, NULL));
    CHECK_INT(read_end(server), 0);
    return bide_server_close(server);
}

TEST(handlers_inherit_the_context_of_who_started_the_server)
{
    run_clean(amain_context);
}

/* ── Addresses ────────────────────────────────────────────────────────── */

static int amain_dual(void *arg)
{
    const char *host = arg;
    bide_server *server;
    CHECK_OK(bide_start_server(host, 0, echo, NULL, NULL, &server));
    int port = bide_server_port(server);
    CHECK_OK(echo_once(port));
    bide_stream *stream;
    if (CHECK_OK(bide_open_connection("::1", port, NULL, &stream))) {
        CHECK_OK(check_echo(stream, "six\n"));
        bide_stream_close(stream);
    }
    return bide_server_close(server);
}

TEST(without_a_host_both_families_are_served_on_one_port)
{
    if (!has_ipv6()) {
        test_skip("no IPv6 here");
        return;
    }
    run_clean_with(amain_dual, NULL, NULL);
    run_clean_with(amain_dual, (void *)(uintptr_t)"", NULL);
}

static int amain_family(void *arg)
{
    (void)arg;
    const bide_server_options options = {.family = AF_INET};
    bide_server *server;
    bide_stream *stream;
    CHECK_OK(bide_start_server(NULL, 0, echo, NULL, &options, &server));
    int port = bide_server_port(server);
    CHECK_OK(echo_once(port));
    CHECK(bide_open_connection("::1", port, NULL, &stream) < 0);
    return bide_server_close(server);
}

TEST(the_family_can_be_limited_to_one)
{
    run_clean(amain_family);
}

static int amain_in_use(void *arg)
{
    (void)arg;
    bide_server *first = start(echo, NULL);
    bide_server *second;
    int port = bide_server_port(first);
    char expected[128];
    CHECK_ERR(bide_start_server("127.0.0.1", port, echo, NULL, NULL, &second),
              -EADDRINUSE);
    snprintf(expected, sizeof expected,
             "listening on 127.0.0.1:%d: Address already in use", port);
    CHECK_STR(bide_errmsg(-EADDRINUSE), expected);
    CHECK_ERR(bide_start_server("203.0.113.1", 0, echo, NULL, NULL, &second),
              -EADDRNOTAVAIL);
    CHECK_STR(bide_errmsg(-EADDRNOTAVAIL),
              "listening on 203.0.113.1:0: Cannot assign requested address");
    bide_server_stop(first); /* frees the port before it is closed */
    CHECK_OK(bide_start_server("127.0.0.1", port, echo, NULL, NULL, &second));
    CHECK_OK(echo_once(port));
    CHECK_OK(bide_server_close(second));
    return bide_server_close(first);
}

TEST(an_address_that_is_taken_is_an_error_that_names_it)
{
    run_clean(amain_in_use);
}

/* Something else than a context. */
static const bide_security short_security = {.size = 8};

static int amain_checks(void *arg)
{
    (void)arg;
    bide_server *server;
    CHECK_ERR(bide_start_server(NULL, -1, echo, NULL, NULL, &server),
              -EINVAL);
    CHECK_STR(bide_errmsg(-EINVAL), "port is -1, must be 0 to 65535");
    CHECK_ERR(bide_start_server(NULL, 65536, echo, NULL, NULL, &server),
              -EINVAL);
    static const struct {
        bide_server_options options;
        const char *message;
    } cases[] = {
        {{.limit = (size_t)1 << 31},
         "limit is 2147483648 bytes, must be 16 to 1073741824"},
        {{.family = 1},
         "family is 1, must be AF_INET (2), AF_INET6 (10) or 0"},
        {{.backlog = -1}, "backlog is -1, must be at least 0"},
        {{.stack_size = (size_t)1 << 40},
         "stack_size is 1099511627776 bytes, at most 1073741824"},
        {{.mode = 01000}, "mode is 01000, at most 0777"},
        {{.tls = &short_security},
         "tls begins with size 8, must be at least 32: is it a TLS context?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_ERR(bide_start_server("127.0.0.1", 0, echo, NULL,
                                    &cases[i].options, &server),
                  -EINVAL);
        CHECK_STR(bide_errmsg(-EINVAL), cases[i].message);
        CHECK_ERR(bide_start_unix_server("@x", echo, NULL, &cases[i].options,
                                         &server),
                  -EINVAL);
    }
    return 0;
}

TEST(values_out_of_range_are_refused_with_the_limit)
{
    run_clean(amain_checks);
}

/* ── Several loops ────────────────────────────────────────────────────── */

struct worker {
    pthread_t thread;
    int port;
    atomic_int served;
    bide_loop *_Atomic loop;
    pthread_mutex_t calling; /* the loop may not end meanwhile */
    bide_event stop;
};

static int count_connection(bide_stream *stream, void *arg)
{
    struct worker *worker = arg;
    (void)stream;
    atomic_fetch_add(&worker->served, 1);
    return 0;
}

static int amain_worker(void *arg)
{
    struct worker *worker = arg;
    const bide_server_options options = {.reuse_port = true};
    bide_server *server;
    bide_event_init(&worker->stop);
    CHECK_OK(bide_start_server("127.0.0.1", worker->port, count_connection,
                               worker, &options, &server));
    worker->port = bide_server_port(server);
    atomic_store(&worker->loop, bide_loop_current());
    CHECK_OK(bide_event_wait(&worker->stop));
    pthread_mutex_lock(&worker->calling);
    pthread_mutex_unlock(&worker->calling);
    return bide_server_close(server);
}

static void *work(void *arg)
{
    CHECK_OK(bide_run(amain_worker, arg));
    return NULL;
}

static void begin_work(struct worker *worker)
{
    CHECK_INT(pthread_create(&worker->thread, NULL, work, worker), 0);
    while (!atomic_load(&worker->loop))
        usleep(1000);
}

static void stop_work(void *arg)
{
    struct worker *worker = arg;
    bide_event_set(&worker->stop);
}

static void end_work(struct worker *worker)
{
    pthread_mutex_lock(&worker->calling);
    CHECK_OK(bide_loop_call_soon_threadsafe(worker->loop, stop_work, worker));
    pthread_mutex_unlock(&worker->calling);
    pthread_join(worker->thread, NULL);
}

static int amain_read_ends(void *arg)
{
    int port = *(const int *)arg;
    for (int i = 0; i < CLIENTS; i++) {
        bide_stream *stream;
        char byte;
        CHECK_OK(bide_open_connection("127.0.0.1", port, NULL, &stream));
        CHECK_INT(bide_stream_read(stream, &byte, 1), 0);
        bide_stream_close(stream);
    }
    return 0;
}

TEST(two_loops_in_two_threads_share_a_port)
{
    struct worker workers[2] = {
        {.calling = PTHREAD_MUTEX_INITIALIZER},
        {.calling = PTHREAD_MUTEX_INITIALIZER},
    };
    begin_work(&workers[0]);
    workers[1].port = workers[0].port;
    begin_work(&workers[1]);
    int port = workers[0].port;
    CHECK_OK(bide_run(amain_read_ends, &port));
    end_work(&workers[0]);
    end_work(&workers[1]);
    int first = atomic_load(&workers[0].served);
    int second = atomic_load(&workers[1].served);
    CHECK_INT(first + second, CLIENTS);
    CHECK(first > 0 && second > 0); /* by a hash of the client's port */
}
