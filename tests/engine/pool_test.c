/* SPDX-License-Identifier: MIT */
/* pool_test.c — work on threads: results, limits, cancelling, abandoning. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "engine/contract.h"

/* A gate that work waits at, so that tests decide when it goes on. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    int waiting; /* at the gate now */
    int most;    /* at any time */
    int passed;
};

#define GATE_INIT                                                             \
    {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER}

static int gate_wait(void *arg)
{
    struct gate *gate = arg;
    pthread_mutex_lock(&gate->lock);
    gate->waiting++;
    if (gate->most < gate->waiting)
        gate->most = gate->waiting;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->lock);
    gate->waiting--;
    int result = ++gate->passed;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
    return result;
}

static void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

/* Wait until as many threads stand at the gate. */
static void gate_expect(struct gate *gate, int waiting)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->waiting < waiting)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

/* Wait until as many have passed. */
static void gate_expect_passed(struct gate *gate, int passed)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->passed < passed)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static int add_one(void *arg)
{
    return *(int *)arg + 1;
}

static int thread_id(void *arg)
{
    (void)arg;
    return (int)syscall(SYS_gettid);
}

static bide_pool *pool_open(unsigned threads, size_t queue_max)
{
    bide_pool *pool = NULL;
    CHECK_OK(bide_pool_new(threads, queue_max, "test", &pool));
    return pool;
}

/* ── Results ──────────────────────────────────────────────────────────── */

TEST(work_returns_its_result)
{
    bide_engine *engine = engine_open();
    struct call call = {0};
    for (int i = -50; i < 50; i++) {
        bide_op_work(&call.op, bide_engine_pool(engine, BIDE_POOL_USER),
                     add_one, &i);
        start(engine, &call);
        CHECK(!call.at_once);
        CHECK_INT(await(engine, &call), i + 1);
        CHECK_INT(call.deliveries, 1);
    }
    bide_engine_free(engine);
}

TEST(work_runs_on_one_other_thread_while_one_is_enough)
{
    bide_engine *engine = engine_open();
    bide_pool *pool = pool_open(8, 8);
    struct call call = {0};
    int64_t first = 0;
    for (int i = 0; i < 20; i++) {
        bide_op_work(&call.op, pool, thread_id, NULL);
        int64_t id = perform(engine, &call);
        CHECK(id != thread_id(NULL));
        if (i == 0)
            first = id;
        CHECK_INT(id, first);
    }
    bide_pool_free(pool, true);
    bide_engine_free(engine);
}

static int look_around(void *arg)
{
    sigset_t blocked;
    char name[16] = "";
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    pthread_getname_np(pthread_self(), name, sizeof name);
    *(bool *)arg = sigismember(&blocked, SIGINT) &&
                   sigismember(&blocked, SIGCHLD) &&
                   sigismember(&blocked, SIGRTMIN + 3) &&
                   !sigismember(&blocked, SIGSEGV);
    return strcmp(name, "test") == 0;
}

TEST(threads_are_named_and_take_no_signals)
{
    bide_engine *engine = engine_open();
    bide_pool *pool = pool_open(1, 1);
    struct call call = {0};
    bool blocked = false;
    bide_op_work(&call.op, pool, look_around, &blocked);
    CHECK_INT(perform(engine, &call), 1);
    CHECK(blocked);
    sigset_t mine;
    pthread_sigmask(SIG_BLOCK, NULL, &mine);
    CHECK(!sigismember(&mine, SIGINT));
    bide_pool_free(pool, true);
    bide_engine_free(engine);
}

/* ── Limits ───────────────────────────────────────────────────────────── */

TEST(as_many_threads_run_as_allowed_and_no_more)
{
    enum { CALLS = 12, THREADS = 4 };
    bide_engine *engine = engine_open();
    bide_pool *pool = pool_open(THREADS, CALLS);
    struct gate gate = GATE_INIT;
    struct call calls[CALLS] = {0};
    for (int i = 0; i < CALLS; i++) {
        bide_op_work(&calls[i].op, pool, gate_wait, &gate);
        start(engine, &calls[i]);
    }
    gate_expect(&gate, THREADS);
    gate_open(&gate);
    int64_t sum = 0;
    for (int i = 0; i < CALLS; i++)
        sum += await(engine, &calls[i]);
    CHECK_INT(sum, CALLS * (CALLS + 1) / 2);
    CHECK_INT(gate.most, THREADS);
    bide_pool_free(pool, true);
    bide_engine_free(engine);
}

TEST(work_that_finds_the_queue_full_fails)
{
    bide_engine *engine = engine_open();
    bide_pool *pool = pool_open(2, 3);
    struct gate gate = GATE_INIT;
    struct call calls[6] = {0};
    for (int i = 0; i < 6; i++) { /* two run, three wait, one is too many */
        bide_op_work(&calls[i].op, pool, gate_wait, &gate);
        start(engine, &calls[i]);
    }
    CHECK(!calls[5].over);
    CHECK_ERR(await(engine, &calls[5]), -EAGAIN);
    gate_open(&gate);
    for (int i = 0; i < 5; i++)
        CHECK(await(engine, &calls[i]) > 0);
    bide_pool_free(pool, true);
    bide_engine_free(engine);
}

TEST(queued_work_runs_in_its_order)
{
    bide_engine *engine = engine_open();
    bide_pool *pool = pool_open(1, 100);
    struct gate gate = GATE_INIT;
    struct call calls[20] = {0};
    for (int i = 0; i < 20; i++) {
        bide_op_work(&calls[i].op, pool, gate_wait, &gate);
        start(engine, &calls[i]);
    }
    gate_open(&gate);
    for (int i = 0; i < 20; i++)
        CHECK_INT(await(engine, &calls[i]), i + 1);
    bide_pool_free(pool, true);
    bide_engine_free(engine);
}

TEST(a_pool_out_of_range_is_refused)
{
    bide_pool *pool = NULL;
    CHECK_ERR(bide_pool_new(0, 1, "x", &pool), -EINVAL);
    CHECK_ERR(bide_pool_new(1025, 1, "x", &pool), -EINVAL);
    CHECK_ERR(bide_pool_new(1, 0, "x", &pool), -EINVAL);
    CHECK_ERR(bide_pool_new(1, 1, "sixteen letters!", &pool), -EINVAL);
    CHECK(!pool);
    bide_pool_free(NULL, true);
}

/* ── Cancelling ───────────────────────────────────────────────────────── */

TEST(queued_work_is_cancelled_and_running_work_is_not)
{
    bide_engine *engine = engine_open();
    bide_pool *pool = pool_open(1, 10);
    struct gate gate = GATE_INIT;
    struct call running = {0};
    struct call queued = {0};
    bide_op_work(&running.op, pool, gate_wait, &gate);
    start(engine, &running);
    gate_expect(&gate, 1);
    bide_op_work(&queued.op, pool, gate_wait, &gate);
    start(engine, &queued);
    bide_engine_cancel(engine, &running.op);
    check_cancels(engine, &queued);
    CHECK(!running.over);
    gate_open(&gate);
    CHECK_INT(await(engine, &running), 1);
    CHECK_INT(gate.passed, 1);
    bide_pool_free(pool, true);
    bide_engine_free(engine);
}

/* ── Abandoning ───────────────────────────────────────────────────────── */

TEST(abandoned_queued_work_is_gone)
{
    bide_engine *engine = engine_open();
    bide_pool *pool = pool_open(1, 10);
    struct gate gate = GATE_INIT;
    struct call running = {0};
    struct call queued = {0};
    bide_op_work(&running.op, pool, gate_wait, &gate);
    start(engine, &running);
    gate_expect(&gate, 1);
    bide_op_work(&queued.op, pool, gate_wait, &gate);
    start(engine, &queued);
    CHECK(!bide_pool_abandon(engine, &queued.op));
    memset(&queued, 0x5a, sizeof queued);
    gate_open(&gate);
    CHECK_INT(await(engine, &running), 1);
    bide_pool_free(pool, true);
    CHECK_INT(gate.passed, 1);
    bide_engine_free(engine);
}

/* Work that outlives its engine. */
struct orphan {
    bide_op op;
    struct gate *gate;
};

static void orphan_free(bide_op *op)
{
    struct orphan *orphan = BIDE__CONTAINER(op, struct orphan, op);
    struct gate *gate = orphan->gate;
    CHECK_INT(op->flags & BIDE_OP_MORE, 0);
    CHECK_INT(op->result, 1);
    free(orphan);
    pthread_mutex_lock(&gate->lock);
    gate->passed++;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

TEST(abandoned_running_work_outlives_pool_and_engine)
{
    bide_engine *engine = engine_open();
    bide_pool *pool = pool_open(3, 10);
    static struct gate gate = GATE_INIT;
    struct orphan *orphan = calloc(1, sizeof *orphan);
    orphan->gate = &gate;
    bide_op_work(&orphan->op, pool, gate_wait, &gate);
    orphan->op.done = orphan_free;
    CHECK(!bide_engine_submit(engine, &orphan->op));
    gate_expect(&gate, 1);
    CHECK(bide_pool_abandon(engine, &orphan->op));
    bide_pool_free(pool, false);
    bide_engine_free(engine);
    gate_open(&gate);
    gate_expect_passed(&gate, 2); /* the work, and orphan_free() */
}

TEST(freeing_a_pool_can_wait_for_abandoned_work)
{
    bide_engine *engine = engine_open();
    bide_pool *pool = pool_open(1, 10);
    struct gate gate = GATE_INIT;
    struct orphan *orphan = calloc(1, sizeof *orphan);
    orphan->gate = &gate;
    bide_op_work(&orphan->op, pool, gate_wait, &gate);
    orphan->op.done = orphan_free;
    CHECK(!bide_engine_submit(engine, &orphan->op));
    gate_expect(&gate, 1);
    CHECK(bide_pool_abandon(engine, &orphan->op));
    gate_open(&gate);
    bide_pool_free(pool, true);
    CHECK_INT(gate.passed, 2);
    bide_engine_free(engine);
}

/* The only thread has gone on to the next gate: the results of three are on
 * their way, and one of them must not arrive. */
TEST(work_abandoned_after_its_end_is_not_delivered)
{
    bide_engine *engine = engine_open();
    bide_pool *pool = pool_open(1, 10);
    struct gate gate = GATE_INIT;
    struct gate last = GATE_INIT;
    struct call calls[4] = {0};
    gate_open(&gate);
    for (int i = 0; i < 4; i++) {
        bide_op_work(&calls[i].op, pool, gate_wait, i < 3 ? &gate : &last);
        start(engine, &calls[i]);
    }
    gate_expect(&last, 1);
    CHECK(!bide_pool_abandon(engine, &calls[1].op));
    memset(&calls[1], 0x5a, sizeof calls[1]);
    CHECK_INT(await(engine, &calls[0]), 1);
    CHECK_INT(await(engine, &calls[2]), 3);
    gate_open(&last);
    CHECK_INT(await(engine, &calls[3]), 1);
    bide_pool_free(pool, true);
    CHECK_INT(bide_engine_timeout(engine), BIDE_FOREVER);
    bide_engine_free(engine);
}

static bide_engine *abandoner;
static struct call *victim;

static void abandon_victim(bide_op *op)
{
    call_done(op);
    CHECK(!bide_pool_abandon(abandoner, &victim->op));
    memset(victim, 0x5a, sizeof *victim);
}

/* The function of one failed operation abandons the next, failed as well. */
TEST(work_that_failed_can_be_abandoned_before_it_is_delivered)
{
    bide_engine *engine = engine_open();
    bide_pool *pool = pool_open(1, 1);
    struct gate gate = GATE_INIT;
    struct call calls[5] = {0};
    abandoner = engine;
    victim = &calls[3];
    for (int i = 0; i < 5; i++) { /* 2, 3 and 4 find the queue full */
        bide_op_work(&calls[i].op, pool, gate_wait, &gate);
        start_with(engine, &calls[i], i == 2 ? abandon_victim : call_done);
    }
    CHECK_ERR(await(engine, &calls[2]), -EAGAIN);
    CHECK_ERR(await(engine, &calls[4]), -EAGAIN);
    gate_open(&gate);
    CHECK_INT(await(engine, &calls[0]), 1);
    CHECK_INT(await(engine, &calls[1]), 2);
    bide_pool_free(pool, true);
    bide_engine_free(engine);
}

/* ── Races ────────────────────────────────────────────────────────────── */

struct job {
    bide_op op;
    atomic_int *ended;
};

static int short_work(void *arg)
{
    for (volatile int i = 0; i < (int)(uintptr_t)arg; i++)
        continue;
    return 7;
}

/* On the engine's thread if in flight, on the pool's if abandoned. */
static void job_done(bide_op *op)
{
    struct job *job = BIDE__CONTAINER(op, struct job, op);
    if (op->result != -EAGAIN && op->result != -ECANCELED)
        CHECK_INT(op->result, 7);
    atomic_fetch_add(job->ended, 1);
    free(job);
}

static void *race(void *arg)
{
    enum { ROUNDS = 4000 };
    bide_pool *pool = arg;
    bide_engine *engine = engine_open();
    static _Thread_local unsigned random = 12345;
    atomic_int ended = 0;
    int begun = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct job *job = calloc(1, sizeof *job);
        job->ended = &ended;
        random = random * 1103515245 + 12345;
        unsigned choice = random >> 16;
        bide_op_work(&job->op, pool, short_work,
                     (void *)(uintptr_t)(choice % 512));
        job->op.done = job_done;
        CHECK(!bide_engine_submit(engine, &job->op));
        begun++;
        if (choice % 3 == 0)
            bide_engine_cancel(engine, &job->op);
        if (choice % 5 == 0) {
            if (!bide_pool_abandon(engine, &job->op)) {
                atomic_fetch_add(&ended, 1);
                free(job);
            }
        }
        if (choice % 7 == 0)
            CHECK_OK(bide_engine_poll(engine, 0));
    }
    while (atomic_load(&ended) < begun)
        CHECK_OK(bide_engine_poll(engine, 1000000));
    bide_engine_free(engine);
    return NULL;
}

/* Engines come and go while their common pool works on. */
TEST(engines_of_several_threads_share_a_pool)
{
    bide_pool *pool = pool_open(3, 8);
    for (int round = 0; round < 3; round++) {
        pthread_t threads[3];
        for (int i = 0; i < 3; i++)
            pthread_create(&threads[i], NULL, race, pool);
        for (int i = 0; i < 3; i++)
            pthread_join(threads[i], NULL);
    }
    bide_pool_free(pool, true);
}

TEST(a_pool_is_left_behind_without_losing_memory)
{
    for (int i = 0; i < 50; i++) {
        bide_engine *engine = engine_open();
        struct call call = {0};
        int value = i;
        bide_op_work(&call.op, bide_engine_pool(engine, BIDE_POOL_DNS),
                     add_one, &value);
        CHECK_INT(perform(engine, &call), i + 1);
        bide_engine_free(engine);
    }
}
