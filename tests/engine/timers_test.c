/* SPDX-License-Identifier: MIT */
/*
 * timers_test.c — timers against a twin that is too simple to be wrong, and
 * on an engine.
 *
 * The twin is an array that is searched for the smallest (deadline, order).
 * Deadlines are drawn so that every level of the wheel, its last slot and both
 * sides of a tick are met, and the clock moves by steps from nanoseconds to
 * years.
 */
#include "engine/timers.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/contract.h"
#include "engine/engine.h"
#include "engine/epoll.h"

enum { TIMERS = 48, STEPS = 2000000 };

struct model {
    struct bide__timers timers;
    bide_timer nodes[TIMERS];
    bool set[TIMERS];
    uint64_t order[TIMERS]; /* when it was set */
    uint64_t settings;
    int64_t now;
    uint64_t random;
};

static uint64_t draw(struct model *model)
{
    model->random ^= model->random << 13;
    model->random ^= model->random >> 7;
    model->random ^= model->random << 17;
    return model->random;
}

/* A distance of any magnitude up to `bits`, often one just beside a power of
 * two, where slots begin. */
static int64_t draw_distance(struct model *model, unsigned bits)
{
    unsigned magnitude = (unsigned)(draw(model) % bits);
    uint64_t distance = draw(model) & ((UINT64_C(1) << magnitude) - 1);
    if (draw(model) % 4 == 0)
        distance = (UINT64_C(1) << magnitude) - draw(model) % 3;
    return (int64_t)distance;
}

static int64_t draw_deadline(struct model *model)
{
    switch (draw(model) % 16) {
    case 0:
        return model->now;
    case 1:
        return model->now - draw_distance(model, 30); /* passed, negative */
    case 2:
        return BIDE_FOREVER - (int64_t)(draw(model) % 3);
    case 3: /* the same as another's */
        return model->nodes[draw(model) % TIMERS].deadline_ns;
    default: {
        int64_t deadline;
        bool beyond = __builtin_add_overflow(
            model->now, draw_distance(model, 62), &deadline);
        return beyond ? BIDE_FOREVER : deadline;
    }
    }
}

/* The set timer with the smallest (deadline, order), or -1. */
static int model_first(const struct model *model)
{
    int first = -1;
    for (int i = 0; i < TIMERS; i++) {
        if (!model->set[i])
            continue;
        int64_t deadline = model->nodes[i].deadline_ns;
        if (first < 0 || deadline < model->nodes[first].deadline_ns ||
            (deadline == model->nodes[first].deadline_ns &&
             model->order[i] < model->order[first]))
            first = i;
    }
    return first;
}

/* Everything due comes out in order, and then the next look is in the future
 * and not too late. */
static bool check_due(struct model *model)
{
    for (;;) {
        bide_timer *timer = bide__timers_pop(&model->timers, model->now);
        int first = model_first(model);
        bool due = first >= 0 && model->nodes[first].deadline_ns <= model->now;
        if (!timer || !due) {
            int64_t next = bide__timers_next(&model->timers);
            int64_t soonest =
                first < 0 ? BIDE_FOREVER : model->nodes[first].deadline_ns;
            return CHECK(!timer) && CHECK(!due) && CHECK(next > model->now) &&
                   CHECK(next <= soonest) &&
                   CHECK(first >= 0 || next == BIDE_FOREVER);
        }
        if (!CHECK_INT(timer - model->nodes, first))
            return false;
        model->set[first] = false;
    }
}

static void advance(struct model *model)
{
    int64_t next = bide__timers_next(&model->timers);
    int64_t to = model->now + draw_distance(model, 44);
    if (draw(model) % 4 && next != BIDE_FOREVER)
        to = next; /* what a poll does */
    if (to < BIDE_FOREVER - (INT64_C(1) << 45))
        model->now = to;
}

static bool step(struct model *model)
{
    size_t i = draw(model) % TIMERS;
    switch (draw(model) % 8) {
    case 0:
        if (!CHECK_INT(bide__timers_clear(&model->timers, &model->nodes[i]),
                       model->set[i]))
            return false;
        model->set[i] = false;
        return true;
    case 1:
    case 2:
        advance(model);
        return check_due(model);
    default:
        bide__timers_set(&model->timers, &model->nodes[i],
                         draw_deadline(model));
        model->set[i] = true;
        model->order[i] = model->settings++;
        return true;
    }
}

static bool run_model(uint64_t seed, int64_t now, int steps)
{
    struct model *model = calloc(1, sizeof *model);
    model->random = seed;
    model->now = now;
    bide__timers_init(&model->timers, now);
    bool good = true;
    for (int i = 0; i < steps && good; i++)
        good = step(model);
    if (good) { /* at the end of time, all are due */
        model->now = BIDE_FOREVER - 3;
        good = check_due(model);
    } else {
        printf("# seed %llu, start %lld\n", (unsigned long long)seed,
               (long long)now);
    }
    free(model);
    return good;
}

TEST(timers_do_what_a_sorted_array_does)
{
    CHECK(run_model(88172645463325252u, 0, STEPS));
    for (uint64_t seed = 1; seed <= 200; seed++) {
        int64_t start = (int64_t)(seed * 0x9e3779b97f4a7c15u >> (seed % 60));
        if (start < 0 || start > INT64_C(1) << 61)
            start = (int64_t)seed * 1000003;
        if (!CHECK(run_model(seed, start, STEPS / 200)))
            return;
    }
}

/* ── On an engine ─────────────────────────────────────────────────────── */

struct alarm {
    bide_timer timer;
    bide_engine *engine;
    int fired;
    int place; /* the how manieth to fire */
    int *count;
};

static void ring(bide_timer *timer)
{
    struct alarm *alarm = BIDE__CONTAINER(timer, struct alarm, timer);
    alarm->fired++;
    alarm->place = ++*alarm->count;
    CHECK(bide_engine_clock(alarm->engine) >= timer->deadline_ns);
}

static void run_until(bide_engine *engine, const int *count, int goal)
{
    while (*count < goal && CHECK_OK(bide_engine_poll(engine, BIDE_FOREVER)))
        bide_engine_run(engine);
}

TEST(timers_fire_in_the_order_of_their_deadlines)
{
    enum { COUNT = 50 };
    bide_engine *engine = engine_open();
    struct alarm alarms[COUNT];
    int count = 0;
    int64_t now = bide_engine_clock(engine);
    for (int i = 0; i < COUNT; i++) {
        alarms[i] = (struct alarm){
            .timer.fire = ring, .engine = engine, .count = &count};
        bide_engine_timer_set(engine, &alarms[i].timer,
                              now + (i * 7 % COUNT) * INT64_C(200000));
    }
    run_until(engine, &count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        CHECK_INT(alarms[i].fired, 1);
        CHECK_INT(alarms[i].place, i * 7 % COUNT + 1);
    }
    bide_engine_free(engine);
}

TEST(timers_of_one_deadline_fire_as_they_were_set)
{
    enum { COUNT = 20 };
    bide_engine *engine = engine_open();
    struct alarm alarms[COUNT];
    int count = 0;
    int64_t deadline = bide_engine_clock(engine) + 2000000;
    for (int i = 0; i < COUNT; i++) {
        alarms[i] = (struct alarm){
            .timer.fire = ring, .engine = engine, .count = &count};
        bide_engine_timer_set(engine, &alarms[i].timer, deadline);
    }
    bide_engine_timer_set(engine, &alarms[0].timer, deadline); /* now last */
    run_until(engine, &count, COUNT);
    for (int i = 1; i < COUNT; i++)
        CHECK_INT(alarms[i].place, i);
    CHECK_INT(alarms[0].place, COUNT);
    bide_engine_free(engine);
}

TEST(a_cleared_timer_does_not_fire)
{
    bide_engine *engine = engine_open();
    int count = 0;
    struct alarm kept = {
        .timer.fire = ring, .engine = engine, .count = &count};
    struct alarm cleared = kept;
    int64_t now = bide_engine_clock(engine);
    bide_engine_timer_set(engine, &cleared.timer, now + 1000000);
    bide_engine_timer_set(engine, &kept.timer, now + 3000000);
    CHECK(bide_engine_timer_clear(engine, &cleared.timer));
    CHECK(!bide_engine_timer_clear(engine, &cleared.timer));
    run_until(engine, &count, 1);
    CHECK_INT(kept.fired, 1);
    CHECK_INT(cleared.fired, 0);
    CHECK(!bide_engine_timer_clear(engine, &kept.timer));
    bide_engine_free(engine);
}

TEST(a_deadline_in_the_past_fires_in_the_next_poll)
{
    bide_engine *engine = engine_open();
    int count = 0;
    struct alarm alarm = {
        .timer.fire = ring, .engine = engine, .count = &count};
    bide_engine_timer_set(engine, &alarm.timer, -5);
    CHECK_INT(bide_engine_timeout(engine), 0);
    CHECK_INT(count, 0);
    CHECK_INT(bide_engine_poll(engine, BIDE_FOREVER), 1);
    CHECK_INT(count, 1);
    CHECK_INT(bide_engine_timeout(engine), BIDE_FOREVER);
    bide_engine_free(engine);
}

static void ring_again(bide_timer *timer)
{
    struct alarm *alarm = BIDE__CONTAINER(timer, struct alarm, timer);
    ring(timer);
    if (alarm->fired < 5)
        bide_engine_timer_set(alarm->engine, timer,
                              bide_engine_clock(alarm->engine) + 100000);
}

TEST(a_timer_can_be_set_again_by_its_own_function)
{
    bide_engine *engine = engine_open();
    int count = 0;
    struct alarm alarm = {
        .timer.fire = ring_again, .engine = engine, .count = &count};
    bide_engine_timer_set(engine, &alarm.timer, 0);
    run_until(engine, &count, 5);
    CHECK_INT(alarm.fired, 5);
    bide_engine_free(engine);
}

/* Polling with a limit ends at the limit, and not before it. */
TEST(a_poll_waits_as_long_as_it_was_told)
{
    bide_engine *engine = engine_open();
    int64_t begin = bide_engine_clock(engine);
    CHECK_INT(bide_engine_poll(engine, 3000001), 0);
    CHECK(bide_engine_clock(engine) - begin >= 3000001);
    bide_engine_free(engine);
}

/* Rounded down, the wait would end early and be repeated with nothing left to
 * wait for, until the time had come. */
TEST(waits_are_rounded_up_where_the_kernel_counts_milliseconds)
{
    bide_engine_options options = {.backend = "epoll"};
    bide_engine *engine = NULL;
    CHECK_OK(bide_engine_new(&options, &engine));
    struct bide__epoll_state *state = engine->state;
    int count = 0;
    int polls = 0;
    struct alarm alarm = {
        .timer.fire = ring, .engine = engine, .count = &count};
    state->no_pwait2 = true;
    for (int i = 1; i <= 5; i++) {
        bide_engine_timer_set(engine, &alarm.timer,
                              bide_engine_clock(engine) + 500000);
        while (count < i) {
            CHECK_OK(bide_engine_poll(engine, BIDE_FOREVER));
            polls++;
        }
    }
    CHECK(polls <= 10); /* each may stop once where the wheel is sorted */
    bide_engine_free(engine);
}
