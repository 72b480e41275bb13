/* SPDX-License-Identifier: MIT */
/* workers_test.c — one server on several loops, each in its thread. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#include "http.h"

#define REQUEST "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
#define WORKERS 3
#define CONNECTIONS 60

struct staff {
    atomic_int started, stopped, handling;
    atomic_int served[WORKERS];
    int refuses; /* the number of the one that does, or -1 */
    struct place {
        struct staff *staff;
        unsigned number;
        pthread_t thread;
        bide_loop *loop;
    } places[WORKERS];
};

static int begin(unsigned worker, void *arg, void **ret_state)
{
    struct staff *staff = arg;
    struct place *place = &staff->places[worker];
    int rc = bide_sleep(0);
    if (rc < 0)
        return rc;
    if ((int)worker == staff->refuses)
        return bide_raise(-EACCES, "worker %u does not want to", worker);
    *place = (struct place){staff, worker, pthread_self(),
                            bide_loop_current()};
    *ret_state = place;
    staff->started++;
    return 0;
}

static void end(unsigned worker, void *state)
{
    struct place *place = state;
    CHECK_INT(place->number, worker);
    CHECK(pthread_equal(place->thread, pthread_self()));
    CHECK_OK(bide_sleep(0));
    place->staff->stopped++;
}

static int serve_in_place(bide_http_request *request, void *arg)
{
    struct place *place = arg;
    char text[16];
    CHECK(pthread_equal(place->thread, pthread_self()));
    CHECK(place->loop == bide_loop_current());
    place->staff->served[place->number]++;
    int n = snprintf(text, sizeof text, "%u", place->number);
    return bide_http_reply(request, 200, NULL, text, (size_t)n);
}

static const bide_http_server_options options = {
    .workers = WORKERS,
    .worker_start = begin,
    .worker_stop = end,
};

/* ── Serving ──────────────────────────────────────────────────────────── */

static int amain_served(void *arg)
{
    static struct staff staff = {.refuses = -1};
    bide_http_server *server = serve(serve_in_place, &staff, &options);
    char first[16], second[16];
    (void)arg;
    CHECK_INT(staff.started, WORKERS);
    for (int i = 0; i < CONNECTIONS; i++) {
        bide_stream *stream = dial(server);
        say(stream, REQUEST);
        CHECK_INT(hear(stream, first, sizeof first), 200);
        say(stream, REQUEST);
        CHECK_INT(hear(stream, second, sizeof second), 200);
        CHECK_STR(second, first); /* a connection stays where it is */
        bide_stream_close(stream);
    }
    for (int i = 0; i < WORKERS; i++)
        CHECK(staff.served[i] > 0);
    CHECK_OK(bide_http_server_close(server));
    CHECK_INT(staff.stopped, WORKERS);
    return 0;
}

TEST(every_worker_serves_the_port_on_its_own_loop)
{
    run_clean(amain_served);
}

/* ── Ends ─────────────────────────────────────────────────────────────── */

static int linger(bide_http_request *request, void *arg)
{
    struct staff *staff = arg;
    staff->handling++;
    int rc = bide_sleep(0.2);
    if (rc < 0)
        return rc;
    return bide_http_reply(request, 200, NULL, "done", 4);
}

static const bide_http_server_options plain = {.workers = WORKERS};

static int amain_graceful(void *arg)
{
    static struct staff staff;
    bide_http_server *server = serve(linger, &staff, &plain);
    bide_stream *streams[12];
    bide_stream *late;
    char body[16];
    (void)arg;
    int port = bide_http_server_port(server);
    for (int i = 0; i < 12; i++) {
        streams[i] = dial(server);
        say(streams[i], REQUEST);
    }
    while (staff.handling < 12)
        CHECK_OK(bide_sleep(0.001));
    bide_http_server_stop(server);
    CHECK_OK(bide_http_server_wait(server));
    for (int i = 0; i < 12; i++) {
        CHECK_INT(hear(streams[i], body, sizeof body), 200);
        CHECK_STR(body, "done");
        CHECK_INT(bide_stream_read(streams[i], body, 1), 0);
        bide_stream_close(streams[i]);
    }
    CHECK_ERR(bide_open_connection("127.0.0.1", port, NULL, &late),
              -ECONNREFUSED);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(stopping_finishes_what_is_in_flight_everywhere)
{
    run_clean(amain_graceful);
}

static int sleep_for_ever(bide_http_request *request, void *arg)
{
    struct staff *staff = arg;
    (void)request;
    staff->handling++;
    return bide_sleep(INFINITY);
}

static int amain_closed(void *arg)
{
    static struct staff staff;
    bide_http_server *server = serve(sleep_for_ever, &staff, &plain);
    bide_stream *streams[12];
    char byte;
    (void)arg;
    for (int i = 0; i < 12; i++) {
        streams[i] = dial(server);
        say(streams[i], REQUEST);
    }
    while (staff.handling < 12)
        CHECK_OK(bide_sleep(0.001));
    bide_http_server_stop(server);
    CHECK_OK(bide_http_server_close(server));
    for (int i = 0; i < 12; i++) {
        CHECK(bide_stream_read(streams[i], &byte, 1) <= 0);
        bide_stream_close(streams[i]);
    }
    return 0;
}

TEST(closing_cancels_the_handlers_of_every_worker)
{
    run_clean(amain_closed);
}

static int amain_refused(void *arg)
{
    static struct staff staff = {.refuses = 2};
    bide_http_server *server;
    (void)arg;
    int rc = bide_http_serve("127.0.0.1", 0, serve_in_place, &staff, &options,
                             &server);
    CHECK_ERR(rc, -EACCES);
    CHECK_STR(bide_errmsg(rc), "worker 2: worker 2 does not want to");
    CHECK_INT(staff.started, WORKERS - 1);
    CHECK_INT(staff.stopped, WORKERS - 1);
    return 0;
}

TEST(a_worker_that_cannot_start_ends_the_others)
{
    run_clean(amain_refused);
}

static int open_and_close(void *arg)
{
    bide_http_server *server;
    int rc = bide_http_serve("127.0.0.1", 0, serve_in_place, arg, &options,
                             &server);
    return rc < 0 ? rc : bide_http_server_close(server);
}

/* Cancelled at whatever it does after so many turns of the loop. */
static int amain_cancelled(void *arg)
{
    (void)arg;
    for (int turns = 0; turns < 30; turns++) {
        static struct staff staff;
        staff.started = staff.stopped = 0;
        staff.refuses = -1;
        bide_task *task = bide_create_task(open_and_close, &staff);
        for (int i = 0; i < turns; i++)
            CHECK_OK(bide_sleep(0));
        bool asked = bide_task_cancel(task);
        int rc = bide_await(task);
        CHECK(rc == -ECANCELED || (!asked && rc == 0));
        CHECK_INT(staff.stopped, staff.started);
    }
    return 0;
}

TEST(a_start_or_an_end_that_is_cancelled_leaves_no_thread)
{
    run_clean(amain_cancelled);
}

static int amain_limits(void *arg)
{
    const bide_http_server_options many = {.workers = 1025};
    bide_http_server *server;
    (void)arg;
    int rc = bide_http_serve("127.0.0.1", 0, tell, NULL, &many, &server);
    CHECK_ERR(rc, -EINVAL);
    CHECK_STR(bide_errmsg(rc), "workers is 1025, at most 1024");
    return 0;
}

TEST(there_are_at_most_1024_workers)
{
    run_clean(amain_limits);
}
