/* SPDX-License-Identifier: MIT */
/*
 * priority.c — a queue that gives the most urgent item first. Try equal
 * numbers: what was put first comes first.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

struct job {
    int urgency; /* 1 comes first */
    const char *what;
};

static int by_urgency(const void *a, const void *b, void *arg)
{
    const struct job *one = a, *other = b;
    (void)arg;
    return one->urgency - other->urgency;
}

static int amain(void *arg)
{
    static const struct job jobs[] = {
        {3, "tidy up"}, {1, "put out the fire"}, {2, "call a doctor"}};
    struct job job;
    int rc = 0;
    (void)arg;
    bide_queue *queue =
        bide_priority_queue_new(sizeof job, 0, by_urgency, NULL);
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = bide_queue_put(queue, &jobs[i]); /* -ENOMEM if queue is NULL */
    bide_queue_shutdown(queue); /* no more will come */
    while (rc == 0 && (rc = bide_queue_get(queue, &job)) == 0)
        printf("%d: %s\n", job.urgency, job.what);
    bide_queue_free(queue);
    return rc == -ESHUTDOWN ? 0 : rc;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}
