/* SPDX-License-Identifier: MIT */
/*
 * sim.c — virtual time and a seeded order of events, for tests.
 *
 * Descriptors are real and served as epoll serves them; only time is not.
 * Nothing ever waits for a timer: when no descriptor has anything to report,
 * no post has come and no pool thread is at work, the clock jumps to the end
 * of the wait. A day of timeouts passes in a moment, and a program that talks
 * to itself over pipes and local sockets, where what is sent has arrived when
 * the call returns, runs the same way each time.
 *
 * While a pool is at work the clock stands still, and the wait is a real one;
 * so is a wait without limit, for what only the outside can end.
 *
 * With a seed, the descriptors of one poll are served in a random order, one
 * of those that a kernel could have reported. The ready queue is shuffled by
 * the engine; timers always fire in their order.
 */
#include <sched.h>

#include "engine/engine.h"
#include "engine/epoll.h"

/* Deal the active list out over some lists at random and join those, a few
 * times over: any order can come out, and no memory is needed. */
static void shuffle(bide_engine *engine, struct bide__link *active)
{
    enum { LISTS = 8, PASSES = 3 };
    for (int pass = 0; pass < PASSES; pass++) {
        struct bide__link lists[LISTS];
        for (int i = 0; i < LISTS; i++)
            bide__list_init(&lists[i]);
        while (!bide__list_empty(active)) {
            struct bide__link *link = active->next;
            bide__list_remove(link);
            uint64_t choice = bide__engine_random(engine) % LISTS;
            bide__list_append(&lists[choice], link);
        }
        for (int i = 0; i < LISTS; i++) {
            while (!bide__list_empty(&lists[i])) {
                struct bide__link *link = lists[i].next;
                bide__list_remove(link);
                bide__list_append(active, link);
            }
        }
    }
}

/* Wait in real time, then serve. */
static int turn(bide_engine *engine, int64_t timeout_ns)
{
    struct bide__epoll_state *state = engine->state;
    int rc = bide__epoll_collect(engine, timeout_ns);
    if (rc < 0)
        return rc;
    if (engine->random)
        shuffle(engine, &state->active);
    return bide__epoll_serve(engine);
}

static bool has_posts(bide_engine *engine)
{
    return atomic_load_explicit(&engine->posts, memory_order_relaxed);
}

static int sim_poll(bide_engine *engine, int64_t timeout_ns)
{
    struct bide__epoll_state *state = engine->state;
    int count = turn(engine, 0);
    if (count != 0 || timeout_ns == 0 || has_posts(engine))
        return count;
    if (engine->on_pool > 0 || timeout_ns == BIDE_FOREVER)
        return turn(engine, BIDE_FOREVER);
    /* On a busy machine, what was sent locally may still have to be carried
     * over by a thread of the kernel: let it. */
    sched_yield();
    count = turn(engine, 0);
    if (count != 0 || has_posts(engine))
        return count;
    int64_t room = BIDE_FOREVER - 1 - state->virtual_ns;
    state->virtual_ns += timeout_ns < room ? timeout_ns : room;
    return 0;
}

static int64_t sim_clock(const bide_engine *engine)
{
    const struct bide__epoll_state *state = engine->state;
    return state->virtual_ns;
}

const struct bide__backend bide__sim = {
    .name = "sim",
    .prefers_multishot = false,
    .open = bide__epoll_open,
    .close = bide__epoll_close,
    .submit = bide__epoll_submit,
    .cancel = bide__epoll_cancel,
    .poll = sim_poll,
    .wake = bide__epoll_wake,
    .attach = bide__epoll_attach,
    .detach = bide__epoll_detach,
    .fileno = bide__epoll_fileno,
    .clock = sim_clock,
    .after_fork = bide__epoll_after_fork,
};
