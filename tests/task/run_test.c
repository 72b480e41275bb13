/* SPDX-License-Identifier: MIT */
/* run_test.c — bide_run and SIGINT. */
#include <bide.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "helpers/death.h"
#include "test.h"

static int interrupted_once(void *arg)
{
    int *seen = arg;
    kill(getpid(), SIGINT);
    *seen = bide_sleep(100);
    return *seen;
}

TEST(the_first_interrupt_cancels_main)
{
    int seen = 0;
    CHECK_ERR(bide_run(interrupted_once, &seen), -EINTR);
    CHECK_INT(seen, -ECANCELED);
    CHECK_STR(bide_errmsg(-EINTR), "interrupted by SIGINT");
    struct sigaction action;
    sigaction(SIGINT, NULL, &action);
    CHECK(action.sa_handler == SIG_DFL);
}

static int clean_up_well(void *arg)
{
    (void)arg;
    kill(getpid(), SIGINT);
    CHECK_ERR(bide_sleep(100), -ECANCELED);
    CHECK_OK(bide_sleep(0.001));
    return 0;
}

TEST(a_main_that_ends_well_after_an_interrupt_has_succeeded)
{
    CHECK_OK(bide_run(clean_up_well, NULL));
}

static int ignore_interrupts(void *arg)
{
    (void)arg;
    kill(getpid(), SIGINT);
    (void)!bide_sleep(100);
    kill(getpid(), SIGINT);
    (void)!bide_sleep(100);
    return 0;
}

static void interrupt_twice(void)
{
    (void)!bide_run(ignore_interrupts, NULL);
}

TEST(the_second_interrupt_kills)
{
    char output[512];
    CHECK_INT(run_in_child(interrupt_twice, output, sizeof output), SIGINT);
}

static volatile sig_atomic_t mine;

static void my_handler(int number)
{
    (void)number;
    mine++;
}

static int raise_interrupt(void *arg)
{
    (void)arg;
    kill(getpid(), SIGINT);
    return bide_sleep(0.001);
}

TEST(a_handler_of_the_program_stays_in_charge)
{
    mine = 0;
    signal(SIGINT, my_handler);
    CHECK_OK(bide_run(raise_interrupt, NULL));
    CHECK_INT(mine, 1);
    signal(SIGINT, SIG_DFL);
}
