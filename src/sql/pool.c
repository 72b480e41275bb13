/* SPDX-License-Identifier: MIT */
/*
 * pool.c — which task has which connection.
 *
 *     take ──► a lane that is free ──────────────────────► give
 *          ──► a new one, connected by the task that wants it
 *          ──► the least loaded one, if it may be shared
 *          ──► the line: first come, first served
 *
 * A lane that was given up goes straight to the first in line, so nobody can
 * overtake. Who is first in line and could have a new connection made is woken
 * to make it. A lane whose connection broke is closed by the next task that
 * comes by, because closing may have to wait and giving back must not.
 *
 * Invariants: a lane that is held is not given to anybody; a broken one
 * neither; while tasks are in line, no lane is free for the first of them.
 */
#include <errno.h>
#include <math.h>

#include <bide/timeout.h>

#include "sql/sql.h"

struct bide__sql_bank *bide__sql_bank_of(struct bide__sql_pool *pool,
                                         bool reads)
{
    bool reader = pool->banks[BIDE__SQL_WRITERS].max == 0 ||
                  (reads && pool->banks[BIDE__SQL_READERS].max > 0);
    return &pool->banks[reader ? BIDE__SQL_READERS : BIDE__SQL_WRITERS];
}

/* ── Lanes ────────────────────────────────────────────────────────────── */

static bool is_unused(const struct bide__sql_lane *lane)
{
    return lane->shared == 0 && !lane->held;
}

static void remove_lane(struct bide__sql_lane *lane)
{
    struct bide__sql_bank *bank = lane->bank;
    unsigned i = 0;
    while (bank->lanes[i] != lane)
        i++;
    bank->lanes[i] = bank->lanes[--bank->count];
    bank->pool->driver->disconnect(lane->connection);
    bide_release(lane);
}

/* Close what is broken and unused. */
static void reap(struct bide__sql_bank *bank)
{
    for (unsigned i = bank->count; i-- > 0;) {
        if (i < bank->count && bank->lanes[i]->broken &&
            is_unused(bank->lanes[i]))
            remove_lane(bank->lanes[i]); /* may suspend */
    }
}

void bide__sql_look(struct bide__sql_lane *lane)
{
    if (lane->bank->pool->driver->is_lost(lane->connection))
        lane->broken = true;
}

static int connect_within(struct bide__sql_bank *bank, void **ret_connection)
{
    struct bide__sql_pool *pool = bank->pool;
    bide_timeout timeout;
    bide_timeout_enter(&timeout, pool->options.connect_timeout);
    int rc = pool->driver->connect(pool->source.data, bank->writes,
                                   ret_connection);
    bool connected = rc >= 0;
    rc = bide_timeout_exit(&timeout, rc);
    if (rc < 0 && connected)
        pool->driver->disconnect(*ret_connection);
    if (rc == -ETIME)
        rc = bide_raise(BIDE_E_SQL_CONNECTION,
                        "08001: no connection within %g s",
                        pool->options.connect_timeout);
    return rc;
}

/* Make one more connection; it is not in use yet. */
static int add_lane(struct bide__sql_bank *bank,
                    struct bide__sql_lane **ret_lane)
{
    struct bide__sql_lane *lane = bide_allocate(sizeof *lane);
    if (!lane)
        return -ENOMEM;
    *lane = (struct bide__sql_lane){
        .handle = {.pool = bank->pool, .lane = lane},
        .bank = bank,
    };
    bank->connecting++;
    int rc = connect_within(bank, &lane->connection);
    bank->connecting--;
    if (rc < 0) {
        bide_release(lane);
        return rc;
    }
    bank->lanes[bank->count++] = lane;
    lane->idle_since = bide_time();
    *ret_lane = lane;
    return 0;
}

/* What is broken and unused is closed before a new one is made. */
static bool can_grow(const struct bide__sql_bank *bank)
{
    unsigned count = bank->count + bank->connecting;
    for (unsigned i = 0; count >= bank->max && i < bank->count; i++)
        count -= bank->lanes[i]->broken && is_unused(bank->lanes[i]);
    return count < bank->max;
}

/* The lane with the least to do that can be had; NULL if there is none. */
static struct bide__sql_lane *least_loaded(const struct bide__sql_bank *bank)
{
    struct bide__sql_lane *best = NULL;
    for (unsigned i = 0; i < bank->count; i++) {
        struct bide__sql_lane *lane = bank->lanes[i];
        if (!lane->held && !lane->broken &&
            (!best || lane->shared < best->shared))
            best = lane;
        if (best && best->shared == 0)
            break;
    }
    return best;
}

static void use(struct bide__sql_lane *lane, bool exclusive)
{
    if (!exclusive) {
        lane->shared++;
        return;
    }
    lane->held = true;
    lane->refs = 1;
    lane->depth = 0;
    lane->holder = bide_current_task();
}

/* ── The line ─────────────────────────────────────────────────────────── */

static void append_waiter(struct bide__sql_bank *bank,
                          struct bide__sql_waiter *waiter)
{
    *bank->last = waiter;
    bank->last = &waiter->next;
    bank->waiting++;
}

static void remove_waiter(struct bide__sql_bank *bank,
                          const struct bide__sql_waiter *waiter)
{
    struct bide__sql_waiter **at = &bank->first;
    while (*at && *at != waiter)
        at = &(*at)->next;
    if (!*at)
        return; /* it has been served */
    *at = waiter->next;
    if (!*at)
        bank->last = at;
    bank->waiting--;
}

/* Serve those in line as far as it goes. */
static void serve(struct bide__sql_bank *bank)
{
    while (bank->first) {
        struct bide__sql_waiter *waiter = bank->first;
        struct bide__sql_lane *lane = least_loaded(bank);
        if (!lane && !can_grow(bank))
            return;
        remove_waiter(bank, waiter);
        waiter->lane = lane;
        if (lane)
            use(lane, waiter->exclusive);
        bide_event_set(&waiter->woken);
        if (!lane)
            return; /* it makes a connection, or tells the next one */
    }
}

void bide__sql_give(struct bide__sql_lane *lane, bool exclusive)
{
    const bide_sql_driver *driver = lane->bank->pool->driver;
    if (exclusive && driver->released)
        driver->released(lane->connection);
    bide__sql_look(lane);
    if (exclusive) {
        lane->held = false;
        lane->holder = NULL;
    } else {
        lane->shared--;
    }
    if (is_unused(lane))
        lane->idle_since = bide_time();
    if (lane->bank->first)
        serve(lane->bank);
}

/* Whether this very task holds all that it could wait for. */
static bool would_wait_for_itself(const struct bide__sql_bank *bank)
{
    const bide_task *self = bide_current_task();
    for (unsigned i = 0; i < bank->count; i++)
        if (!bank->lanes[i]->held || bank->lanes[i]->holder != self)
            return false;
    return bank->count > 0 && !can_grow(bank);
}

static int wait_in_line(struct bide__sql_bank *bank, bool exclusive,
                        struct bide__sql_lane **ret_lane)
{
    double patience = bank->pool->options.acquire_timeout;
    struct bide__sql_waiter waiter = {.exclusive = exclusive};
    bide_task *self = bide_current_task();
    if (would_wait_for_itself(bank))
        return bide_raise(-EDEADLK,
                          "task '%s' holds the only connection for this; send "
                          "the statement to its transaction's connection",
                          bide_task_name(self));
    append_waiter(bank, &waiter);
    bide_timeout timeout;
    bide_timeout_enter(&timeout, patience);
    int rc = bide_event_wait(&waiter.woken);
    rc = bide_timeout_exit(&timeout, rc);
    if (rc < 0) {
        remove_waiter(bank, &waiter);
        if (waiter.lane)
            bide__sql_give(waiter.lane, exclusive);
        else if (bide_event_is_set(&waiter.woken))
            serve(bank); /* somebody else has to try */
        if (rc == -ETIME)
            rc = bide_raise(-ETIME,
                            "no connection was free within %g s; %u of %u are "
                            "in use",
                            patience, bank->count, bank->max);
        return rc;
    }
    if (waiter.lane && exclusive)
        waiter.lane->holder = self;
    *ret_lane = waiter.lane;
    return 0;
}

/* ── Taking ───────────────────────────────────────────────────────────── */

/* Try a connection that was idle for long; nobody can have it meanwhile.
 * Returns whether it works, or -ECANCELED. */
static int still_works(struct bide__sql_lane *lane)
{
    struct bide__sql_pool *pool = lane->bank->pool;
    if (lane->shared > 0 ||
        bide_time() - lane->idle_since < pool->options.check_after)
        return true;
    lane->held = true;
    int rc = pool->driver->check(lane->connection);
    lane->held = false;
    lane->idle_since = bide_time();
    bide__sql_look(lane);
    if (rc == -ECANCELED)
        return rc;
    if (rc < 0)
        lane->broken = true;
    return !lane->broken;
}

/* Get a lane now, or NULL if all are in use. */
static int find(struct bide__sql_bank *bank, struct bide__sql_lane **ret_lane)
{
    for (;;) {
        reap(bank);
        struct bide__sql_lane *lane = least_loaded(bank);
        if (lane)
            bide__sql_look(lane);
        if (lane && lane->broken)
            continue;
        if ((!lane || lane->shared > 0) && can_grow(bank))
            return add_lane(bank, ret_lane);
        int works = lane ? still_works(lane) : true;
        if (works < 0)
            return works;
        if (works) {
            *ret_lane = lane;
            return 0;
        }
    }
}

int bide__sql_take(struct bide__sql_bank *bank, bool exclusive,
                   struct bide__sql_lane **ret_lane)
{
    bool served = false;
    for (;;) {
        struct bide__sql_lane *lane = NULL;
        if (!bank->first || served) {
            int rc = find(bank, &lane);
            if (rc < 0) {
                serve(bank);
                return rc;
            }
        }
        if (lane) {
            use(lane, exclusive);
            if (bank->first)
                serve(bank);
            *ret_lane = lane;
            return 0;
        }
        int rc = wait_in_line(bank, exclusive, &lane);
        if (rc < 0)
            return rc;
        if (lane) {
            *ret_lane = lane;
            return 0;
        }
        served = true;
    }
}

/* ── All of them ──────────────────────────────────────────────────────── */

static int fill_bank(struct bide__sql_bank *bank, unsigned wanted)
{
    int rc = 0;
    while (rc == 0 && bank->count < wanted && bank->count < bank->max) {
        struct bide__sql_lane *lane;
        rc = add_lane(bank, &lane);
    }
    return rc;
}

int bide__sql_pool_fill(struct bide__sql_pool *pool)
{
    unsigned wanted = pool->options.connections_min;
    int rc = fill_bank(&pool->banks[BIDE__SQL_WRITERS], 1);
    if (rc == 0)
        rc = fill_bank(&pool->banks[BIDE__SQL_READERS], wanted);
    return rc;
}

void bide__sql_pool_empty(struct bide__sql_pool *pool)
{
    for (int i = 0; i < BIDE__SQL_BANKS; i++) {
        struct bide__sql_bank *bank = &pool->banks[i];
        while (bank->count > 0) {
            struct bide__sql_lane *lane = bank->lanes[bank->count - 1];
            BIDE__SQL_REQUIRE(is_unused(lane),
                              "bide_sql_close: a connection is in use; wait "
                              "for the tasks that use it first");
            remove_lane(lane);
        }
    }
}

/* ── For users ────────────────────────────────────────────────────────── */

int bide_sql_acquire(bide_sql *db, bide_sql **ret_connection)
{
    if (db->lane) {
        db->lane->refs++;
        *ret_connection = db;
        return 0;
    }
    struct bide__sql_lane *lane;
    int rc = bide__sql_take(bide__sql_bank_of(db->pool, false), true, &lane);
    if (rc == 0)
        *ret_connection = &lane->handle;
    return rc;
}

void bide_sql_release(bide_sql *connection)
{
    if (!connection)
        return;
    struct bide__sql_lane *lane = connection->lane;
    BIDE__SQL_REQUIRE(lane && lane->held,
                      "bide_sql_release: this is not a connection that was "
                      "acquired");
    if (--lane->refs > 0)
        return;
    BIDE__SQL_REQUIRE(lane->depth == 0,
                      "bide_sql_release: a transaction is open on the "
                      "connection; end it by bide_sql_end() first");
    bide__sql_give(lane, true);
}

void bide_sql_get_stats(const bide_sql *db, bide_sql_stats *ret_stats)
{
    *ret_stats = (bide_sql_stats){0};
    for (int i = 0; i < BIDE__SQL_BANKS; i++) {
        const struct bide__sql_bank *bank = &db->pool->banks[i];
        ret_stats->connections += bank->count;
        ret_stats->waiting += bank->waiting;
        for (unsigned j = 0; j < bank->count; j++) {
            ret_stats->acquired += bank->lanes[j]->held;
            ret_stats->running += bank->lanes[j]->shared;
        }
    }
}
