/* SPDX-License-Identifier: MIT */
/* thread_test.c — what other threads may do, and several loops at once. */
#include <bide.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#include "test.h"

static int forever(void *arg)
{
    (void)arg;
    return bide_sleep((double)INFINITY);
}

struct background {
    pthread_t thread;
    bide_loop *loop;
    pthread_barrier_t ready;
};

static void *run_background(void *arg)
{
    struct background *background = arg;
    CHECK_OK(bide_loop_new(NULL, &background->loop));
    pthread_barrier_wait(&background->ready);
    CHECK_OK(bide_loop_run_forever(background->loop));
    bide_loop_close(background->loop);
    return NULL;
}

static void start(struct background *background)
{
    pthread_barrier_init(&background->ready, NULL, 2);
    pthread_create(&background->thread, NULL, run_background, background);
    pthread_barrier_wait(&background->ready);
}

static void stop_loop(void *arg)
{
    bide_loop_stop(arg);
}

static void stop(struct background *background)
{
    CHECK_OK(bide_loop_call_soon_threadsafe(background->loop, stop_loop,
                                            background->loop));
    pthread_join(background->thread, NULL);
    pthread_barrier_destroy(&background->ready);
}

static int add_one(void *arg)
{
    int rc = bide_sleep(0.001);
    return rc < 0 ? rc : *(int *)arg + 1;
}

static int fail(void *arg)
{
    (void)arg;
    return bide_raise(-EIO, "far away");
}

TEST(a_coroutine_runs_on_the_loop_of_another_thread)
{
    struct background background;
    start(&background);
    bide_thread_future *future;
    int value = 4;
    CHECK_OK(bide_run_coroutine_threadsafe(background.loop, add_one, &value,
                                           &future));
    CHECK_INT(bide_thread_future_result(future, 10), 5);
    bide_thread_future_free(future);
    CHECK_OK(bide_run_coroutine_threadsafe(background.loop, fail, NULL,
                                           &future));
    CHECK_ERR(bide_thread_future_result(future, (double)INFINITY), -EIO);
    CHECK_STR(bide_errmsg(-EIO), "far away");
    bide_thread_future_free(future);
    stop(&background);
}

TEST(a_coroutine_elsewhere_can_be_cancelled)
{
    struct background background;
    start(&background);
    bide_thread_future *future;
    CHECK_OK(bide_run_coroutine_threadsafe(background.loop, forever, NULL,
                                           &future));
    CHECK_ERR(bide_thread_future_result(future, 0.01), -ETIME);
    bide_thread_future_cancel(future);
    CHECK_ERR(bide_thread_future_result(future, 10), -ECANCELED);
    bide_thread_future_cancel(future); /* it has ended: nothing happens */
    bide_thread_future_free(future);
    stop(&background);
}

TEST(a_loop_that_closes_cancels_what_others_started)
{
    struct background background;
    start(&background);
    bide_thread_future *future;
    CHECK_OK(bide_run_coroutine_threadsafe(background.loop, forever, NULL,
                                           &future));
    stop(&background);
    CHECK_ERR(bide_thread_future_result(future, 10), -ECANCELED);
    bide_thread_future_free(future);
}

#define CALLS 2000
#define CALLERS 4

struct caller {
    bide_loop *loop;
    int *count; /* changed on the loop's thread alone */
};

static void count_up(void *arg)
{
    ++*(int *)arg;
}

static void *call_often(void *arg)
{
    struct caller *caller = arg;
    for (int i = 0; i < CALLS; i++)
        CHECK_OK(bide_loop_call_soon_threadsafe(caller->loop, count_up,
                                                caller->count));
    return NULL;
}

static int read_count(void *arg)
{
    return *(int *)arg;
}

TEST(calls_from_many_threads_all_arrive)
{
    struct background background;
    start(&background);
    int count = 0;
    struct caller caller = {background.loop, &count};
    pthread_t threads[CALLERS];
    for (int i = 0; i < CALLERS; i++)
        pthread_create(&threads[i], NULL, call_often, &caller);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
    bide_thread_future *future;
    CHECK_OK(bide_run_coroutine_threadsafe(background.loop, read_count, &count,
                                           &future));
    CHECK_INT(bide_thread_future_result(future, 10), CALLS * CALLERS);
    bide_thread_future_free(future);
    stop(&background);
}

/* ── Several loops ────────────────────────────────────────────────────── */

static int work(void *arg)
{
    int *count = arg;
    for (int i = 0; i < 100; i++) {
        int rc = bide_sleep(i % 10 ? 0 : 0.0001);
        if (rc < 0)
            return rc;
        ++*count;
    }
    return 0;
}

static int work_together(void *arg)
{
    bide_task *tasks[10];
    for (int i = 0; i < 10; i++)
        tasks[i] = bide_create_task(work, arg);
    return bide_gather(tasks, 10);
}

static void *run_loop(void *arg)
{
    CHECK_OK(bide_run(work_together, arg));
    return NULL;
}

TEST(each_thread_can_run_a_loop_of_its_own)
{
    pthread_t threads[4];
    int counts[4] = {0};
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, run_loop, &counts[i]);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        CHECK_INT(counts[i], 1000);
    }
}
