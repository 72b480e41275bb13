/* SPDX-License-Identifier: MIT */
/* context_test.c — values follow the tasks that set or inherit them. */
#include <bide/context.h>
#include <bide/executor.h>
#include <bide/group.h>
#include <bide/loop.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "helpers/death.h"
#include "helpers/journal.h"
#include "helpers/torture.h"
#include "test.h"

static bide_context_var user = {.name = "user"};
static bide_context_var locale = {.name = "locale"};

static const char *get(const bide_context_var *var)
{
    return bide_context_get(var, (void *)(uintptr_t)"none");
}

static int set(const bide_context_var *var, const char *value,
               bide_context_token *ret_token)
{
    return bide_context_set(var, (void *)(uintptr_t)value, ret_token);
}

/* ── Inheritance ──────────────────────────────────────────────────────── */

static int child(void *arg)
{
    CHECK_STR(get(&user), arg);
    CHECK_OK(set(&user, "child", NULL));
    CHECK_STR(get(&user), "child");
    CHECK_OK(bide_sleep(0));
    CHECK_STR(get(&user), "child");
    return 0;
}

static int amain_inherits(void *arg)
{
    (void)arg;
    CHECK_STR(get(&user), "none");
    bide_task *before = bide_create_task(child, (void *)(uintptr_t)"none");
    CHECK_OK(set(&user, "amain", NULL));
    CHECK_OK(set(&locale, "fr", NULL));
    bide_task *after = bide_create_task(child, (void *)(uintptr_t)"amain");
    CHECK_OK(set(&user, "later", NULL)); /* the child does not see this */
    CHECK_OK(bide_await(before));
    CHECK_OK(bide_await(after));
    CHECK_STR(get(&user), "later");
    CHECK_STR(get(&locale), "fr");
    return 0;
}

TEST(a_task_inherits_values_at_its_creation_and_keeps_its_own)
{
    run(amain_inherits);
    CHECK_STR(get(&user), "none"); /* nothing is left outside */
}

static int amain_sets_null(void *arg)
{
    (void)arg;
    CHECK_OK(bide_context_set(&user, NULL, NULL));
    CHECK(bide_context_get(&user, &user) == NULL);
    return 0;
}

TEST(null_is_a_value_like_any_other)
{
    run(amain_sets_null);
}

static void callback(void *arg)
{
    (void)arg;
    journal_add(strcmp(get(&user), "none") == 0 ? 'n' : 's');
    CHECK_OK(set(&user, "callback", NULL));
}

static int amain_of_callbacks(void *arg)
{
    (void)arg;
    CHECK_OK(set(&user, "amain", NULL));
    for (int i = 0; i < 2; i++)
        CHECK_OK(bide_loop_call_soon(bide_loop_current(), NULL, callback,
                                     NULL));
    settle();
    CHECK_STR(journal_take(), "ns");
    CHECK_STR(get(&user), "amain");
    return 0;
}

TEST(callbacks_have_a_context_of_their_own)
{
    run(amain_of_callbacks);
}

/* ── Tokens ───────────────────────────────────────────────────────────── */

static int amain_resets(void *arg)
{
    (void)arg;
    bide_context_token first, second, third;
    CHECK_OK(set(&user, "a", &first));
    CHECK_OK(set(&user, "b", &second));
    CHECK_OK(set(&user, "c", NULL));
    CHECK_OK(set(&user, "d", &third));
    CHECK_OK(bide_context_reset(&third));
    CHECK_STR(get(&user), "c");
    CHECK_OK(bide_context_reset(&second));
    CHECK_STR(get(&user), "a");
    CHECK_ERR(bide_context_reset(&second), -EINVAL); /* used already */
    CHECK_STR(bide_errmsg(-EINVAL), "the token of context variable 'user' was "
                                    "used already or belongs to another task");
    CHECK_OK(bide_context_reset(&first));
    CHECK_STR(get(&user), "none");
    CHECK_ERR(bide_context_reset(&first), -EINVAL);
    return 0;
}

TEST(a_token_brings_the_earlier_value_back_once)
{
    run(amain_resets);
}

static int amain_resets_the_outer_one(void *arg)
{
    (void)arg;
    bide_context_token first, second;
    CHECK_OK(set(&locale, "fr", NULL));
    CHECK_OK(set(&user, "a", &first));
    CHECK_OK(set(&user, "b", &second));
    CHECK_OK(bide_context_reset(&first));
    CHECK_STR(get(&user), "none");
    CHECK_STR(get(&locale), "fr");
    CHECK_ERR(bide_context_reset(&second), -EINVAL); /* went with it */
    return 0;
}

TEST(resetting_an_earlier_set_undoes_the_later_ones)
{
    run(amain_resets_the_outer_one);
}

static int other_task(void *arg)
{
    bide_context_token *token = arg;
    CHECK_ERR(bide_context_reset(token), -EINVAL);
    return 0;
}

static int amain_gives_a_token_away(void *arg)
{
    (void)arg;
    bide_context_token token;
    bide_task *task = bide_create_task(other_task, &token);
    CHECK_OK(set(&user, "a", &token));
    CHECK_OK(bide_await(task));
    CHECK_STR(get(&user), "a");
    return 0;
}

TEST(a_token_is_of_no_use_to_a_task_without_that_set)
{
    run(amain_gives_a_token_away);
}

/* ── Release of values ────────────────────────────────────────────────── */

static void release_letter(void *value)
{
    journal_add(*(const char *)value);
    (void)get(&user); /* is allowed there */
}

static bide_context_var owned = {.name = "owned", .release = release_letter};

static int sleeper(void *arg)
{
    (void)arg;
    return bide_sleep(0.001);
}

static int amain_owns(void *arg)
{
    (void)arg;
    bide_context_token token;
    CHECK_OK(set(&owned, "a", NULL));
    CHECK_OK(set(&owned, "b", NULL)); /* nobody can have a any more */
    CHECK_STR(journal_take(), "a");
    bide_task *task = bide_create_task(sleeper, NULL);
    CHECK_OK(set(&owned, "c", &token));
    CHECK_STR(journal_take(), ""); /* the task has b, and the token, too */
    CHECK_OK(bide_context_reset(&token));
    CHECK_STR(journal_take(), "c");
    CHECK_OK(set(&owned, "d", NULL));
    CHECK_STR(journal_take(), "");
    CHECK_OK(bide_await(task));
    CHECK_STR(journal_take(), "b");
    CHECK_OK(set(&owned, "e", &token)); /* is never used */
    return 0;
}

TEST(a_value_is_released_when_no_task_and_no_token_has_it)
{
    run(amain_owns);
    CHECK_STR(journal_take(), "ed");
}

/* ── Runs and threads ─────────────────────────────────────────────────── */

static int inner(void *arg)
{
    CHECK_STR(get(&user), "outer");
    CHECK_OK(set(&user, "inner", NULL));
    CHECK_OK(set(&locale, "de", NULL));
    CHECK_OK(bide_sleep(0));
    CHECK_STR(get(&user), "inner");
    return *(int *)arg;
}

static int amain_runs(void *arg)
{
    (void)arg;
    int result = 7;
    CHECK_OK(set(&user, "outer", NULL));
    CHECK_INT(bide_context_run(inner, &result), 7);
    CHECK_STR(get(&user), "outer");
    CHECK_STR(get(&locale), "none");
    return 0;
}

TEST(what_is_set_within_a_run_is_undone_after_it)
{
    run(amain_runs);
}

static int on_a_thread(void *arg)
{
    (void)arg;
    CHECK_STR(get(&user), "amain");
    CHECK_STR(get(&locale), "none");
    return 0;
}

static int amain_asks_a_thread(void *arg)
{
    (void)arg;
    CHECK_OK(set(&user, "amain", NULL));
    return bide_to_thread(on_a_thread, NULL);
}

TEST(functions_on_threads_read_the_values_of_who_waits)
{
    run(amain_asks_a_thread);
}

/* ── Limits and misuse ────────────────────────────────────────────────── */

static int amain_sets_too_many(void *arg)
{
    (void)arg;
    static bide_context_var vars[BIDE_CONTEXT_MAX + 1];
    bide_context_token token;
    for (int i = 0; i <= BIDE_CONTEXT_MAX; i++)
        vars[i].name = "many";
    for (int i = 0; i < BIDE_CONTEXT_MAX; i++)
        CHECK_OK(set(&vars[i], "x", NULL));
    CHECK_ERR(set(&vars[BIDE_CONTEXT_MAX], "x", NULL), -ENOSPC);
    CHECK_OK(set(&vars[0], "y", NULL)); /* one that is there already */
    for (int i = 0; i < BIDE_CONTEXT_MAX - 1; i++)
        CHECK_OK(set(&vars[0], "z", &token));
    CHECK_ERR(set(&vars[0], "z", &token), -ENOSPC);
    CHECK_OK(bide_context_reset(&token));
    CHECK_OK(set(&vars[0], "z", &token));
    return 0;
}

TEST(a_context_has_a_limit)
{
    run(amain_sets_too_many);
}

static void set_outside(void)
{
    (void)!set(&user, "x", NULL);
}

TEST(setting_outside_of_a_loop_ends_the_program)
{
    CHECK_DIES(set_outside,
               "bide_context_set() was called while no loop runs");
}

/* ── Torture ──────────────────────────────────────────────────────────── */

static int live_values;

static void count_release(void *value)
{
    (void)value;
    live_values--;
}

static bide_context_var counted = {.name = "counted",
                                   .release = count_release};

static int set_counted(bide_context_token *token)
{
    int rc = bide_context_set(&counted, &live_values, token);
    if (rc == 0)
        live_values++; /* else it is still ours */
    return rc;
}

static int changer(void *arg)
{
    (void)arg;
    bide_context_token token;
    int rc = set_counted(&token);
    if (rc == 0)
        rc = bide_sleep(0.001);
    if (rc == 0)
        rc = bide_context_reset(&token);
    return rc;
}

static int sharing(void *arg)
{
    (void)arg;
    live_values = 0;
    int rc = set_counted(NULL);
    bide_task *tasks[] = {bide_create_task(changer, NULL),
                          bide_create_task(sleeper, NULL)};
    if (rc == 0)
        rc = bide_context_run(changer, NULL);
    int all = bide_gather(tasks, 2);
    return rc < 0 ? rc : all;
}

TEST(contexts_survive_failures_and_cancellation_everywhere)
{
    struct torture_counts counts = torture(sharing);
    CHECK(counts.allocations >= 8);
    CHECK_INT(live_values, 0);
}
