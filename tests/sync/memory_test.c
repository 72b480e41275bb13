/* SPDX-License-Identifier: MIT */
/* memory_test.c — waiting and being woken allocate nothing. */
#include <bide/future.h>
#include <bide/group.h>
#include <bide/queue.h>
#include <bide/sync.h>
#include <stdlib.h>

#include "helpers/journal.h"
#include "test.h"

static size_t allocations;

static void *allocate(void *data, size_t size)
{
    (void)data;
    allocations++;
    return malloc(size);
}

static void *reallocate(void *data, void *memory, size_t size)
{
    (void)data;
    allocations++;
    return realloc(memory, size);
}

static void release(void *data, void *memory)
{
    (void)data;
    free(memory);
}

static struct {
    bide_lock lock;
    bide_event event;
    bide_condition condition;
    bide_semaphore semaphore;
    bide_barrier barrier;
    bide_future future;
    bide_queue *queue;
} all;

static int wait_for_each(void *arg)
{
    int item;
    CHECK_OK(bide_lock_acquire(&all.lock));
    bide_lock_release(&all.lock);
    CHECK_OK(bide_event_wait(&all.event));
    CHECK_OK(bide_condition_acquire(&all.condition));
    CHECK_OK(bide_condition_wait(&all.condition));
    bide_condition_release(&all.condition);
    CHECK_OK(bide_semaphore_acquire(&all.semaphore));
    CHECK_OK(bide_future_shield(&all.future, NULL));
    CHECK_OK(bide_queue_get(all.queue, &item));
    for (item = 0; item < 3; item++)
        CHECK_OK(bide_queue_put(all.queue, &item));
    bide_queue_task_done(all.queue);
    CHECK_OK(bide_barrier_wait(&all.barrier));
    *(bool *)arg = true;
    return 0;
}

/* Let each wait of the task end, after it has begun. */
static void wake_from_each(void)
{
    int item = 0;
    settle();
    bide_lock_release(&all.lock);
    settle();
    bide_event_set(&all.event);
    settle();
    CHECK_OK(bide_condition_acquire(&all.condition));
    bide_condition_notify(&all.condition, 1);
    bide_condition_release(&all.condition);
    settle();
    bide_semaphore_release(&all.semaphore);
    settle();
    CHECK_OK(bide_future_set_result(&all.future, NULL));
    settle();
    CHECK_OK(bide_queue_put(all.queue, &item));
    settle();
    for (int i = 0; i < 3; i++)
        CHECK_OK(bide_queue_get(all.queue, &item));
    for (int i = 0; i < 3; i++)
        bide_queue_task_done(all.queue);
    CHECK_OK(bide_queue_join(all.queue));
    settle();
    CHECK_OK(bide_barrier_wait(&all.barrier));
}

static int amain(void *arg)
{
    (void)arg;
    bool done = false;
    all.queue = bide_queue_new(sizeof(int), 2);
    bide_semaphore_init(&all.semaphore, 0);
    bide_barrier_init(&all.barrier, 2);
    CHECK_OK(bide_lock_acquire(&all.lock));
    bide_task *task = bide_create_task(wait_for_each, &done);
    size_t before = allocations;
    wake_from_each();
    CHECK_OK(bide_await(task));
    CHECK(done);
    CHECK_INT(allocations, before);
    bide_queue_free(all.queue);
    return 0;
}

TEST(waiting_allocates_nothing)
{
    static const bide_allocator counting = {
        .allocate = allocate,
        .reallocate = reallocate,
        .release = release,
    };
    bide_set_allocator(&counting);
    run(amain);
    bide_set_allocator(NULL);
    CHECK(allocations > 0); /* the allocator was in use */
}
