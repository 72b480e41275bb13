/* SPDX-License-Identifier: MIT */
/*
 * threadsafe.c — another thread runs a coroutine on the loop and waits for its
 * result. Try a timeout of 0.01 s there: the coroutine goes on all the same.
 */
#include <bide.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>

struct shared {
    bide_loop *loop;
    bide_event ended; /* the thread has what it wanted */
};

static int answer(void *arg) /* on the loop */
{
    int *question = arg;
    int rc = bide_sleep(0.05);
    return rc < 0 ? rc : *question + 1;
}

static void tell(void *arg) /* a callback, on the loop as well */
{
    bide_event_set(&((struct shared *)arg)->ended);
}

static void *ask(void *arg) /* on a thread of its own */
{
    struct shared *shared = arg;
    bide_thread_future *future;
    int question = 41;
    int rc = bide_run_coroutine_threadsafe(shared->loop, answer, &question,
                                           &future);
    if (rc == 0) {
        rc = bide_thread_future_result(future, INFINITY);
        bide_thread_future_free(future);
    }
    printf("the thread got: %d\n", rc);
    rc = bide_loop_call_soon_threadsafe(shared->loop, tell, shared);
    return (void *)(intptr_t)rc;
}

static int amain(void *arg)
{
    struct shared shared = {.loop = bide_loop_current()};
    pthread_t thread;
    (void)arg;
    if (pthread_create(&thread, NULL, ask, &shared) != 0)
        return bide_raise(-EAGAIN, "no thread could be started");
    int rc = bide_event_wait(&shared.ended);
    pthread_join(thread, NULL); /* it is about to end: this hardly blocks */
    return rc;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}
