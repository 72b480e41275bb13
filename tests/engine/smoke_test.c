/* SPDX-License-Identifier: MIT */
/* smoke_test.c — an engine starts on the right backend, and turns. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <bide/engine.h>
#include <bide/error.h>

#include "helpers/uring.h"
#include "test.h"

/* What a program gets: the backend it asked for, else the best there is. */
static const char *expected_backend(void)
{
    const char *asked = getenv("BIDE_BACKEND");
    if (asked)
        return asked;
    return kernel_grants_uring() ? "uring" : "epoll";
}

TEST(an_engine_runs_on_the_backend_asked_for_or_the_best_there_is)
{
    bide_engine *engine;
    if (!CHECK_OK(bide_engine_new(NULL, &engine)))
        return;
    printf("# backend %s\n", bide_engine_backend(engine));
    CHECK_STR(bide_engine_backend(engine), expected_backend());
    bide_engine_free(engine);
}

/* Only the automatic choice falls back: who names uring must get it. */
TEST(uring_asked_for_by_name_is_given_or_refused_but_not_replaced)
{
    bide_engine_options options = {.backend = "uring"};
    bide_engine *engine;
    int rc = bide_engine_new(&options, &engine);
    if (!kernel_grants_uring()) {
        CHECK_ERR(rc, -ENOSYS);
        return;
    }
    if (!CHECK_OK(rc))
        return;
    CHECK_STR(bide_engine_backend(engine), "uring");
    bide_engine_free(engine);
}

static unsigned fired;

static void count_fire(bide_timer *timer)
{
    (void)timer;
    fired++;
}

TEST(an_engine_fires_a_timer)
{
    bide_engine *engine;
    if (!CHECK_OK(bide_engine_new(NULL, &engine)))
        return;
    bide_timer timer = {.fire = count_fire};
    bide_engine_timer_set(engine, &timer, bide_engine_clock(engine) + 1000000);
    fired = 0;
    while (fired == 0 && CHECK_OK(bide_engine_poll(engine, BIDE_FOREVER)))
        bide_engine_run(engine);
    CHECK_INT(fired, 1);
    bide_engine_free(engine);
}
