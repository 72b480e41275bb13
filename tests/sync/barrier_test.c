/* SPDX-License-Identifier: MIT */
/* barrier_test.c — tasks wait for each other, round by round. */
#include <bide/group.h>
#include <bide/sync.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "helpers/death.h"
#include "helpers/journal.h"
#include "helpers/torture.h"
#include "test.h"

static bide_barrier barrier;

/* Says its index as a digit, B for broken, C for cancelled. */
static int party(void *arg)
{
    (void)arg;
    int rc = bide_barrier_wait(&barrier);
    journal_add(rc >= 0              ? (char)('0' + rc)
                : rc == -ECANCELED ? 'C'
                                     : 'B');
    return rc;
}

static int amain_of_two_rounds(void *arg)
{
    (void)arg;
    bide_barrier_init(&barrier, 3);
    CHECK_INT(bide_barrier_parties(&barrier), 3);
    for (int round = 0; round < 2; round++) {
        bide_task *a = bide_create_task(party, NULL);
        settle();
        bide_task *b = bide_create_task(party, NULL);
        settle();
        CHECK_INT(bide_barrier_n_waiting(&barrier), 2);
        CHECK_STR(journal_take(), "");
        CHECK_INT(bide_barrier_wait(&barrier), 2); /* the last does not wait */
        CHECK_INT(bide_barrier_n_waiting(&barrier), 0);
        CHECK_INT(bide_await(a), 0);
        CHECK_INT(bide_await(b), 1);
        CHECK_STR(journal_take(), "01");
    }
    CHECK(!bide_barrier_broken(&barrier));
    bide_barrier_fini(&barrier);
    return 0;
}

TEST(all_go_on_when_the_last_has_come_and_know_their_index)
{
    run(amain_of_two_rounds);
}

static int amain_alone(void *arg)
{
    (void)arg;
    bide_barrier_init(&barrier, 1);
    CHECK_INT(bide_barrier_wait(&barrier), 0);
    CHECK_INT(bide_barrier_wait(&barrier), 0);
    return 0;
}

TEST(a_single_party_never_waits)
{
    run(amain_alone);
}

static int amain_resets(void *arg)
{
    (void)arg;
    bide_barrier_init(&barrier, 3);
    bide_task *a = bide_create_task(party, NULL);
    bide_task *b = bide_create_task(party, NULL);
    settle();
    bide_barrier_reset(&barrier);
    CHECK(!bide_barrier_broken(&barrier));
    CHECK_INT(bide_barrier_n_waiting(&barrier), 0);
    CHECK_ERR(bide_await(a), BIDE_E_BROKEN_BARRIER);
    CHECK_ERR(bide_await(b), BIDE_E_BROKEN_BARRIER);
    bide_barrier_reset(&barrier); /* with nobody there, it does nothing */
    a = bide_create_task(party, NULL);
    b = bide_create_task(party, NULL);
    settle();
    CHECK_INT(bide_barrier_wait(&barrier), 2);
    CHECK_INT(bide_await(a), 0);
    CHECK_INT(bide_await(b), 1);
    (void)journal_take();
    return 0;
}

TEST(a_reset_breaks_the_waits_and_leaves_the_barrier_whole)
{
    run(amain_resets);
}

static int amain_aborts(void *arg)
{
    (void)arg;
    bide_barrier_init(&barrier, 2);
    bide_task *a = bide_create_task(party, NULL);
    settle();
    bide_barrier_abort(&barrier);
    CHECK(bide_barrier_broken(&barrier));
    CHECK_ERR(bide_await(a), BIDE_E_BROKEN_BARRIER);
    CHECK_ERR(bide_barrier_wait(&barrier), BIDE_E_BROKEN_BARRIER);
    CHECK_ERR(bide_barrier_wait(&barrier), BIDE_E_BROKEN_BARRIER);
    bide_barrier_reset(&barrier);
    a = bide_create_task(party, NULL);
    settle();
    CHECK_INT(bide_barrier_wait(&barrier), 1);
    CHECK_INT(bide_await(a), 0);
    (void)journal_take();
    return 0;
}

TEST(an_aborted_barrier_stays_broken_until_it_is_reset)
{
    run(amain_aborts);
}

static int amain_cancels(void *arg)
{
    (void)arg;
    bide_barrier_init(&barrier, 3);
    bide_task *a = bide_create_task(party, NULL);
    bide_task *b = bide_create_task(party, NULL);
    settle();
    (void)bide_task_cancel(a);
    CHECK_ERR(bide_await(a), -ECANCELED);
    CHECK_INT(bide_barrier_n_waiting(&barrier), 1);
    CHECK(!bide_barrier_broken(&barrier));
    bide_task *c = bide_create_task(party, NULL);
    settle();
    CHECK_STR(journal_take(), "C"); /* c took a's place, so nobody goes on */
    CHECK_INT(bide_barrier_wait(&barrier), 2);
    (void)bide_task_cancel(b); /* too late for the others to mind */
    CHECK_ERR(bide_await(b), -ECANCELED);
    CHECK_INT(bide_await(c), 1);
    (void)bide_task_cancel(bide_current_task());
    CHECK_ERR(bide_barrier_wait(&barrier), -ECANCELED);
    CHECK_INT(bide_barrier_n_waiting(&barrier), 0);
    (void)bide_task_uncancel(bide_current_task());
    (void)journal_take();
    return 0;
}

TEST(a_cancelled_party_no_longer_counts_and_breaks_nothing)
{
    run(amain_cancels);
}

static void make_for_nobody(void)
{
    bide_barrier_init(&barrier, 0);
}

TEST(a_barrier_without_parties_ends_the_program)
{
    CHECK_DIES(make_for_nobody, "bide_barrier_init() was called for 0 parties");
}

/* Three parties, two rounds; whoever fails aborts, so that nobody waits for
 * ever: the rule for using a barrier with cancellation. */
static int member(void *arg)
{
    (void)arg;
    for (int round = 0; round < 2; round++) {
        int rc = bide_barrier_wait(&barrier);
        if (rc >= 0)
            rc = bide_sleep(0);
        if (rc < 0) {
            bide_barrier_abort(&barrier);
            return rc == BIDE_E_BROKEN_BARRIER ? -ECANCELED : rc;
        }
    }
    return 0;
}

static int rounds(void *arg)
{
    (void)arg;
    bide_task *tasks[3];
    bide_barrier_init(&barrier, 3);
    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(member, NULL);
    int rc = bide_gather(tasks, 3);
    CHECK_INT(bide_barrier_n_waiting(&barrier), 0);
    bide_barrier_fini(&barrier);
    return rc;
}

TEST(a_barrier_survives_failures_and_cancellation_everywhere)
{
    CHECK(torture(rounds).suspensions >= 10);
}
