/* SPDX-License-Identifier: MIT */
/*
 * Each allocation fails in turn: what was asked for fails with -ENOMEM or is
 * done all the same, and nothing is lost. Plans are made at the first use, so
 * a process of its own has all of it before it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shop.h"

#define FAILURES_MAX 2000

static long left;  /* allocations until one fails */
static long held;  /* that were not released */
static bool failed;

static bool fails(void)
{
    if (--left != 0)
        return false;
    failed = true;
    return true;
}

static void *allocate(void *data, size_t size)
{
    (void)data;
    void *memory = fails() ? NULL : malloc(size);
    held += memory != NULL;
    return memory;
}

static void *reallocate(void *data, void *memory, size_t size)
{
    (void)data;
    void *larger = fails() ? NULL : realloc(memory, size);
    held += memory == NULL && larger != NULL;
    return larger;
}

static void release(void *data, void *memory)
{
    (void)data;
    held -= memory != NULL;
    free(memory);
}

static const bide_allocator counting = {allocate, reallocate, release, NULL};

static const char valid[] =
    "{\"i\":\"4\",\"s\":\"aaa\",\"y\":\"YWJj\",\"l2\":[1,2,3,4,5,6,7,8,9],"
    "\"t\":\"2024-01-02\",\"subs\":[{\"price\":1},{\"price\":2}]}";
static const char invalid[] =
    "{\"i\":0,\"s\":\"b\",\"e\":\"x\",\"u\":\"y\",\"subs\":[{},0],\"l\":[]}";

static bool look_up(void *arg, bide_in in, const char *name, size_t nth,
                    bide_bytes *ret)
{
    (void)in;
    (void)name;
    *ret = (bide_bytes){arg, strlen(arg)};
    return nth == BIDE_NTH_LAST || nth < 3;
}

BIDE_MODEL(Query, BIDE_QUERY(str, word), BIDE_QUERY(list(str), words));

static bool is_expected(int rc, int otherwise)
{
    return rc == otherwise || rc == -ENOMEM;
}

/* Everything once. */
static int use_all(void)
{
    Many many;
    Query query = {0};
    bide_arena arena = {0};
    bide_faults faults = {0};
    bide_json_writer writer = {0};
    const bide_model *models[] = {&bide_model_Many};
    int rc = bide_json_decode(&bide_model_Many, valid, sizeof valid - 1, &many,
                              &arena, NULL);
    bool fine = is_expected(rc, 0);
    if (rc == 0) {
        bide_value value;
        bide_json_encode(&writer, &bide_model_Many, &many);
        fine &= is_expected(bide_json_finish(&writer), 0);
        bide_json_reset(&writer);
        fine &= is_expected(bide_model_get(&bide_model_Many, &many, 13, &arena,
                                           &value), 0);
        fine &= is_expected(bide_model_check(&bide_model_Many, &many, &arena,
                                             NULL), 0);
    }
    rc = bide_json_decode(&bide_model_Many, invalid, sizeof invalid - 1, &many,
                          &arena, &faults);
    fine &= is_expected(rc, -EINVAL);
    bide_faults_write(&writer, &faults);
    fine &= is_expected(bide_json_finish(&writer), 0);
    bide_json_reset(&writer);
    rc = bide_json_decode(&bide_model_Many, invalid, 9, &many, &arena, NULL);
    fine &= is_expected(rc, -EINVAL);
    bide_models_schemas(&writer, models, 1);
    fine &= is_expected(bide_json_finish(&writer), 0);
    rc = bide_model_from_texts(&bide_model_Query, BIDE_IN_QUERY, look_up,
                               (void *)(uintptr_t) "text", &query, &arena,
                               NULL);
    fine &= is_expected(rc, 0);
    bide_json_free(&writer);
    bide_arena_free(&arena);
    return fine ? 0 : -1;
}

/* In a child: 0, 1 when nothing failed any more, 2 for a mistake. */
static int use_with_failure(long nth)
{
    left = nth;
    bide_set_allocator(&counting);
    if (use_all() < 0)
        return 2;
    left = 0;
    long before = held;
    if (use_all() < 0) /* what had failed works now */
        return 2;
    long after = held;
    if (use_all() < 0 || held != after || after < before)
        return 2; /* plans are kept, nothing else is */
    return failed ? 0 : 1;
}

TEST(each_allocation_may_fail)
{
    for (long nth = 1; nth < FAILURES_MAX; nth++) {
        pid_t child = fork();
        if (child == 0)
            _exit(use_with_failure(nth));
        int status = 0;
        CHECK_INT(waitpid(child, &status, 0), child);
        CHECK(WIFEXITED(status));
        if (!CHECK(WIFEXITED(status) && WEXITSTATUS(status) < 2))
            return;
        if (WEXITSTATUS(status) == 1) {
            CHECK(nth > 40);
            return;
        }
    }
    CHECK(false);
}

TEST(an_arena_keeps_its_memory_when_it_is_reset)
{
    bide_arena arena = {0};
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000; i++) {
            char *text = bide_arena_copy(&arena, "0123456789", 10);
            CHECK(text != NULL && ((uintptr_t)text & 15) == 0);
            CHECK_STR(text, "0123456789");
        }
        bide_arena_reset(&arena);
    }
    size_t one_block = arena.held;
    for (int i = 0; i < 500; i++)
        CHECK(bide_arena_allocate(&arena, 16) != NULL);
    CHECK_INT(arena.held, one_block);
    CHECK(bide_arena_allocate(&arena, SIZE_MAX) == NULL);
    CHECK(bide_arena_allocate(&arena, 0) != NULL);
    bide_arena_free(&arena);
    CHECK(bide_arena_allocate(&arena, 0) != NULL);
    bide_arena_free(&arena);
    bide_arena_free(NULL);
}

/* ── Threads ──────────────────────────────────────────────────────────── */

#define THREADS 4

BIDE_MODEL(Leaf, BIDE_FIELD(str, word, .pattern = "^[a-z]+$", .def = "x"));
BIDE_MODEL(Branch, BIDE_FIELD(list(Branch), more, .def = "[]"),
           BIDE_FIELD(list(Leaf), leaves, .def = "[{}]"));

static void *read_branch(void *arg)
{
    static const char text[] = "{\"more\":[{\"leaves\":[{\"word\":\"b\"}]}]}";
    pthread_barrier_wait(arg);
    Branch branch;
    bide_arena arena = {0};
    bool fine = bide_json_decode(&bide_model_Branch, text, sizeof text - 1,
                                 &branch, &arena, NULL) == 0 &&
        branch.n_leaves == 1 && strcmp(branch.leaves[0].word, "x") == 0 &&
        strcmp(branch.more[0].leaves[0].word, "b") == 0;
    bide_arena_free(&arena);
    return fine ? arg : NULL;
}

TEST(threads_may_use_a_model_first_at_the_same_time)
{
    pthread_t threads[THREADS];
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, read_branch, &barrier), 0);
    for (int i = 0; i < THREADS; i++) {
        void *result = NULL;
        CHECK_INT(pthread_join(threads[i], &result), 0);
        CHECK(result == &barrier);
    }
    pthread_barrier_destroy(&barrier);
}
