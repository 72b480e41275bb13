/* SPDX-License-Identifier: MIT */
/*
 * embed.c — bide inside a main loop that is not its own: here poll(2), in an
 * editor or a game what that brings. Try a second descriptor in `fds`.
 */
#include <bide.h>
#include <poll.h>
#include <stdio.h>

static int blink(void *arg)
{
    bool *ended = arg;
    for (int i = 1; i <= 3; i++) {
        int rc = bide_sleep(0.02);
        if (rc < 0)
            return rc;
        printf("blink %d\n", i);
    }
    *ended = true;
    return 0;
}

static void begin(void *arg) /* a callback may create tasks */
{
    bide_task_detach(bide_create_task(blink, arg));
}

/* Milliseconds until the loop has something to do, rounded up. */
static int time_left(bide_engine *engine)
{
    const int minute = 60 * 1000;
    int64_t ns = bide_engine_timeout(engine);
    int64_t ms = ns / 1000000 + (ns % 1000000 > 0);
    return ms < minute ? (int)ms : minute; /* looking too early does no harm */
}

int main(void)
{
    bide_loop *loop;
    bool ended = false;
    if (bide_loop_new(NULL, &loop) < 0)
        return 1;
    bide_engine *engine = bide_loop_engine(loop);
    struct pollfd fds[] = {{bide_engine_fileno(engine), POLLIN, 0}};
    int rc = bide_loop_call_soon(loop, NULL, begin, &ended);
    while (rc >= 0 && !ended) {
        rc = bide_loop_step(loop, 0); /* runs, submits, never waits */
        if (rc == 0 && !ended)
            poll(fds, 1, time_left(engine)); /* the host waits */
    }
    bide_loop_close(loop);
    return rc < 0;
}
