/* SPDX-License-Identifier: MIT */
/*
 * producer_consumer.c — a bounded queue between one producer and two
 * consumers; a shutdown tells them that nothing more will come. Try a queue of
 * one: the producer waits more often, the result is the same.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

struct consumer {
    bide_queue *queue;
    const char *name;
    int processed;
};

static int producer(void *arg)
{
    bide_queue *queue = arg;
    for (int item = 0; item < 10; item++) {
        int rc = bide_queue_put(queue, &item); /* waits while it is full */
        if (rc < 0)
            return rc;
        printf("Produced: %d\n", item);
        rc = bide_sleep(0.01);
        if (rc < 0)
            return rc;
    }
    bide_queue_shutdown(queue);
    return 0;
}

static int consumer(void *arg)
{
    struct consumer *self = arg;
    for (;;) {
        int item;
        int rc = bide_queue_get(self->queue, &item);
        if (rc == -ESHUTDOWN)
            return 0;
        if (rc < 0)
            return rc;
        self->processed++;
        rc = bide_sleep(0.03);
        bide_queue_task_done(self->queue);
        if (rc < 0)
            return rc;
    }
}

static int amain(void *arg)
{
    (void)arg;
    bide_queue *queue = bide_queue_new(sizeof(int), 5);
    if (!queue)
        return -ENOMEM;
    struct consumer a = {queue, "A", 0}, b = {queue, "B", 0};
    bide_task *tasks[] = {
        bide_create_task(producer, queue),
        bide_create_task(consumer, &a),
        bide_create_task(consumer, &b),
    };
    int rc = bide_gather(tasks, 3);
    bide_queue_free(queue);
    printf("Consumers %s and %s processed %d items\n", a.name, b.name,
           a.processed + b.processed);
    return rc;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}
