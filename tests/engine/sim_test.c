/* SPDX-License-Identifier: MIT */
/* sim_test.c — what only the simulation has: virtual time, seeded order. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "engine/contract.h"

#define HOUR INT64_C(3600000000000)

static bide_engine *sim_open(uint64_t seed)
{
    bide_engine_options options = {.backend = "sim", .seed = seed};
    bide_engine *engine = NULL;
    CHECK_OK(bide_engine_new(&options, &engine));
    return engine;
}

static int fired;

static void count_fire(bide_timer *timer)
{
    (void)timer;
    fired++;
}

TEST(time_begins_at_zero_and_jumps_to_each_deadline)
{
    bide_engine *engine = sim_open(0);
    bide_timer timers[24] = {0};
    CHECK_INT(bide_engine_clock(engine), 0);
    for (int i = 0; i < 24; i++) {
        timers[i].fire = count_fire;
        bide_engine_timer_set(engine, &timers[i], (i + 1) * HOUR + i);
    }
    fired = 0;
    for (int i = 0; i < 24; i++) {
        while (fired == i)
            CHECK_OK(bide_engine_poll(engine, BIDE_FOREVER));
        CHECK_INT(fired, i + 1);
        CHECK_INT(bide_engine_clock(engine), (i + 1) * HOUR + i);
    }
    bide_engine_free(engine);
}

TEST(time_stands_still_between_polls_and_while_something_happens)
{
    struct wire wire;
    struct call recv = {0};
    bide_timer timer = {.fire = count_fire};
    char byte;
    wire_open_tcp(&wire);
    bide_engine_free(wire.engine);
    int fd = wire.file.fd;
    wire.engine = sim_open(0);
    CHECK_OK(
        bide_engine_attach(wire.engine, &wire.file, fd, BIDE_FD_STREAM));
    fired = 0;
    bide_engine_timer_set(wire.engine, &timer, HOUR);
    for (int i = 0; i < 10; i++) {
        bide_op_recv(&recv.op, &wire.file, &byte, 1);
        start(wire.engine, &recv);
        CHECK_INT(write(wire.peer, "x", 1), 1);
        CHECK_INT(await(wire.engine, &recv), 1);
        CHECK_INT(bide_engine_clock(wire.engine), 0);
    }
    CHECK_INT(fired, 0);
    bide_op_recv(&recv.op, &wire.file, &byte, 1);
    start(wire.engine, &recv);
    while (fired == 0)
        CHECK_OK(bide_engine_poll(wire.engine, BIDE_FOREVER));
    CHECK_INT(bide_engine_clock(wire.engine), HOUR);
    check_cancels(wire.engine, &recv);
    wire_close(&wire);
}

static int nap(void *arg)
{
    (void)arg;
    usleep(20000);
    return 0;
}

TEST(time_stands_still_while_a_pool_is_at_work)
{
    bide_engine *engine = sim_open(0);
    struct call work = {0};
    bide_timer timer = {.fire = count_fire};
    fired = 0;
    bide_engine_timer_set(engine, &timer, 1000);
    bide_op_work(&work.op, bide_engine_pool(engine, BIDE_POOL_USER), nap,
                 NULL);
    CHECK_INT(perform(engine, &work), 0);
    CHECK_INT(fired, 0);
    CHECK_INT(bide_engine_clock(engine), 0);
    while (fired == 0) /* and then goes on */
        CHECK_OK(bide_engine_poll(engine, BIDE_FOREVER));
    CHECK_INT(bide_engine_clock(engine), 1000);
    bide_engine_free(engine);
}

static int wait_for_byte(void *arg)
{
    char byte;
    return (int)read(*(int *)arg, &byte, 1);
}

/* A pool that is only at work for what was given up does not count. */
TEST(cancelled_and_abandoned_work_does_not_stop_time)
{
    bide_engine *engine = sim_open(0);
    bide_pool *pool = NULL;
    struct call calls[3] = {0};
    bide_timer timer = {.fire = count_fire};
    int fds[2];
    CHECK_OK(pipe2(fds, O_CLOEXEC));
    CHECK_OK(bide_pool_new(1, 3, "sim", &pool));
    for (int i = 0; i < 3; i++) {
        bide_op_work(&calls[i].op, pool, wait_for_byte, &fds[0]);
        start(engine, &calls[i]);
    }
    check_cancels(engine, &calls[2]);
    CHECK(!bide_pool_abandon(engine, &calls[1].op));
    if (!bide_pool_abandon(engine, &calls[0].op))
        calls[0].over = true; /* no thread had begun it */
    fired = 0;
    bide_engine_timer_set(engine, &timer, HOUR);
    while (fired == 0)
        CHECK_OK(bide_engine_poll(engine, BIDE_FOREVER));
    CHECK_INT(bide_engine_clock(engine), HOUR);
    close(fds[1]);
    bide_pool_free(pool, true);
    CHECK(calls[0].over);
    close(fds[0]);
    bide_engine_free(engine);
}

TEST(a_limit_of_a_poll_passes_in_virtual_time)
{
    bide_engine *engine = sim_open(0);
    CHECK_INT(bide_engine_poll(engine, HOUR), 0);
    CHECK_INT(bide_engine_clock(engine), HOUR);
    CHECK_INT(bide_engine_poll(engine, 0), 0);
    CHECK_INT(bide_engine_clock(engine), HOUR);
    CHECK_INT(bide_engine_poll(engine, BIDE_FOREVER - 1), 0); /* saturates */
    CHECK_INT(bide_engine_clock(engine), BIDE_FOREVER - 1);
    bide_engine_free(engine);
}

/* ── Order ────────────────────────────────────────────────────────────── */

enum { COUNT = 24 };

struct entrant {
    struct call call;
    bide_ready ready;
    bide_fd file;
    uint64_t value;
    char name;
};

static char finish[COUNT + 1];
static int finished;

static void cross(bide_op *op)
{
    struct entrant *entrant = BIDE__CONTAINER(op, struct entrant, call.op);
    finish[finished++] = entrant->name;
    call_done(op);
}

static void cross_ready(bide_ready *ready)
{
    struct entrant *entrant = BIDE__CONTAINER(ready, struct entrant, ready);
    finish[finished++] = entrant->name;
}

/* Make COUNT descriptors ready in one order; note the order of completions. */
static void race_descriptors(uint64_t seed, char *order)
{
    bide_engine *engine = sim_open(seed);
    struct entrant *entrants = calloc(COUNT, sizeof *entrants);
    for (int i = 0; i < COUNT; i++) {
        struct entrant *entrant = &entrants[i];
        entrant->name = (char)('a' + i);
        CHECK_OK(bide_engine_attach(engine, &entrant->file,
                                    eventfd(0, EFD_CLOEXEC),
                                    BIDE_FD_STREAM));
        bide_op_read(&entrant->call.op, &entrant->file, &entrant->value, 8,
                     -1);
        start_with(engine, &entrant->call, cross);
    }
    settle(engine);
    finished = 0;
    for (int i = 0; i < COUNT; i++)
        CHECK_INT(write(entrants[i].file.fd, &(uint64_t){1}, 8), 8);
    CHECK_INT(bide_engine_poll(engine, BIDE_FOREVER), COUNT);
    memcpy(order, finish, sizeof finish);
    for (int i = 0; i < COUNT; i++)
        bide_engine_close(engine, &entrants[i].file);
    bide_engine_free(engine);
    free(entrants);
}

static void race_ready(uint64_t seed, char *order)
{
    bide_engine *engine = sim_open(seed);
    struct entrant entrants[COUNT] = {0};
    finished = 0;
    for (int i = 0; i < COUNT; i++) {
        entrants[i].name = (char)('a' + i);
        entrants[i].ready.run = cross_ready;
        bide_engine_ready(engine, &entrants[i].ready);
    }
    CHECK_INT(bide_engine_run(engine), COUNT);
    memcpy(order, finish, sizeof finish);
    bide_engine_free(engine);
}

static void check_seeds(void (*race)(uint64_t seed, char *order))
{
    char plain[COUNT + 1];
    char first[COUNT + 1];
    char again[COUNT + 1];
    int different = 0;
    unsetenv("BIDE_SEED");
    race(0, plain);
    CHECK_STR(plain, "abcdefghijklmnopqrstuvwx");
    for (uint64_t seed = 1; seed <= 20; seed++) {
        race(seed, first);
        race(seed, again);
        CHECK_STR(again, first); /* a seed repeats its order */
        different += strcmp(first, plain) != 0;
        for (char name = 'a'; name < 'a' + COUNT; name++)
            CHECK(strchr(first, name)); /* nobody is lost */
    }
    CHECK_INT(different, 20);
}

TEST(a_seed_shuffles_completions_and_repeats_itself)
{
    check_seeds(race_descriptors);
}

TEST(a_seed_shuffles_ready_items_and_repeats_itself)
{
    check_seeds(race_ready);
}

static bide_timer *timers_seen[COUNT];

static void note_timer(bide_timer *timer)
{
    timers_seen[fired++] = timer;
}

TEST(a_seed_leaves_timers_in_their_order)
{
    bide_engine *engine = sim_open(99);
    bide_timer timers[COUNT] = {0};
    fired = 0;
    for (int i = 0; i < COUNT; i++) {
        timers[i].fire = note_timer;
        bide_engine_timer_set(engine, &timers[i], HOUR);
    }
    while (fired < COUNT)
        CHECK_OK(bide_engine_poll(engine, BIDE_FOREVER));
    for (int i = 0; i < COUNT; i++)
        CHECK(timers_seen[i] == &timers[i]);
    bide_engine_free(engine);
}
