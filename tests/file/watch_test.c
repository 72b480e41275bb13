/* SPDX-License-Identifier: MIT */
/* watch_test.c — being told of changes. */
#include "file/desk.h"
#include "helpers/journal.h"

static bide_watch *open_watch(uint32_t changes)
{
    bide_watch *watch = NULL;
    CHECK_OK(bide_watch_open(&watch));
    CHECK_OK(bide_watch_add(watch, desk, changes));
    return watch;
}

/* The next event is this one. */
static void expect(bide_watch *watch, uint32_t change, const char *name)
{
    bide_watch_event event = {.path = "none", .name = "none"};
    CHECK_OK(bide_watch_next(watch, &event));
    CHECK_INT(event.change, change);
    CHECK_STR(event.name, name);
    CHECK_STR(event.path, desk);
}

static int changes_of_entries(void *arg)
{
    (void)arg;
    bide_watch_event from, to;
    bide_watch *watch = open_watch(BIDE_WATCH_ALL);
    put(on_desk("f"), "data", 4);
    expect(watch, BIDE_WATCH_CREATED, "f");
    expect(watch, BIDE_WATCH_MODIFIED, "f");
    expect(watch, BIDE_WATCH_WRITTEN, "f");
    CHECK_OK(chmod(on_desk("f"), 0600));
    expect(watch, BIDE_WATCH_ATTRIBUTES, "f");
    CHECK_OK(rename(on_desk("f"), on_desk("g")));
    CHECK_OK(bide_watch_next(watch, &from));
    CHECK_INT(from.change, BIDE_WATCH_MOVED_FROM);
    uint32_t cookie = from.cookie;
    CHECK_OK(bide_watch_next(watch, &to));
    CHECK_INT(to.change, BIDE_WATCH_MOVED_TO);
    CHECK_STR(to.name, "g");
    CHECK(cookie != 0 && to.cookie == cookie && !to.directory);
    CHECK_OK(unlink(on_desk("g")));
    expect(watch, BIDE_WATCH_DELETED, "g");
    CHECK_OK(mkdir(on_desk("d"), 0700));
    CHECK_OK(bide_watch_next(watch, &to));
    CHECK(to.directory && to.change == BIDE_WATCH_CREATED);
    bide_watch_close(watch);
    return 0;
}

TEST(changes_of_a_directorys_entries_are_reported_in_order)
{
    run_both_ways(changes_of_entries);
}

static int filtered(void *arg)
{
    (void)arg;
    bide_watch *watch = open_watch(BIDE_WATCH_CREATED);
    put(on_desk("f"), "data", 4);
    put(on_desk("g"), "data", 4);
    expect(watch, BIDE_WATCH_CREATED, "f");
    expect(watch, BIDE_WATCH_CREATED, "g");
    CHECK_OK(bide_watch_add(watch, desk, BIDE_WATCH_DELETED));
    put(on_desk("h"), "data", 4);
    CHECK_OK(unlink(on_desk("g")));
    expect(watch, BIDE_WATCH_DELETED, "g");
    bide_watch_close(watch);
    return 0;
}

TEST(only_what_was_asked_for_is_reported_and_adding_again_changes_it)
{
    run_both_ways(filtered);
}

static int going(void *arg)
{
    (void)arg;
    bide_watch *watch = NULL;
    bide_watch_event event;
    put(on_desk("f"), "", 0);
    put(on_desk("g"), "", 0);
    CHECK_OK(bide_watch_open(&watch));
    CHECK_OK(bide_watch_add(watch, on_desk("f"), BIDE_WATCH_MODIFIED));
    CHECK_OK(bide_watch_add(watch, on_desk("g"), BIDE_WATCH_MODIFIED));
    CHECK_OK(unlink(on_desk("f")));
    CHECK_OK(bide_watch_next(watch, &event));
    CHECK_INT(event.change, BIDE_WATCH_GONE);
    CHECK_STR(event.path, on_desk("f"));
    CHECK_STR(event.name, "");
    CHECK_ERR(bide_watch_remove(watch, on_desk("f")), -ENOENT);
    CHECK_OK(bide_watch_remove(watch, on_desk("g")));
    CHECK_ERR(bide_watch_remove(watch, on_desk("g")), -ENOENT);
    CHECK_OK(bide_watch_add(watch, desk, BIDE_WATCH_CREATED));
    put(on_desk("h"), "", 0);
    expect(watch, BIDE_WATCH_CREATED, "h"); /* and nothing of g */
    bide_watch_close(watch);
    return 0;
}

TEST(a_path_that_goes_is_reported_and_one_that_was_removed_is_not)
{
    run_both_ways(going);
}

static int errors(void *arg)
{
    (void)arg;
    bide_watch *watch = NULL;
    CHECK_OK(bide_watch_open(&watch));
    CHECK_ERR(bide_watch_add(watch, on_desk("no"), BIDE_WATCH_ALL), -ENOENT);
    CHECK(strstr(bide_errmsg(-ENOENT), "watching '") != NULL);
    CHECK_ERR(bide_watch_add(watch, desk, 0), -EINVAL);
    CHECK_ERR(bide_watch_add(watch, desk, BIDE_WATCH_GONE), -EINVAL);
    bide_watch_close(watch);
    bide_watch_close(NULL);
    CHECK_OK(bide_watch_open(&watch)); /* left open */
    return 0;
}

TEST(adding_what_cannot_be_watched_is_an_error)
{
    run_both_ways(errors);
}

static int many_places(void *arg)
{
    (void)arg;
    enum { COUNT = 100 };
    bide_watch *watch = NULL;
    bide_watch_event event;
    char name[16];
    CHECK_OK(bide_watch_open(&watch));
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "d%d", i);
        CHECK_OK(mkdir(on_desk(name), 0700));
        CHECK_OK(bide_watch_add(watch, on_desk(name), BIDE_WATCH_CREATED));
    }
    for (int i = COUNT - 1; i >= 0; i--) {
        snprintf(name, sizeof name, "d%d/f", i);
        put(on_desk(name), "", 0);
    }
    for (int i = COUNT - 1; i >= 0; i--) {
        snprintf(name, sizeof name, "d%d", i);
        CHECK_OK(bide_watch_next(watch, &event));
        CHECK_STR(event.path, on_desk(name));
    }
    bide_watch_close(watch);
    return 0;
}

TEST(many_paths_are_told_apart)
{
    run_both_ways(many_places);
}

/* ── Waiting ──────────────────────────────────────────────────────────── */

static bide_watch *shared;
static bide_watch_event seen;

static int wait_for_one(void *arg)
{
    (void)arg;
    return bide_watch_next(shared, &seen);
}

static int waiting(void *arg)
{
    (void)arg;
    shared = open_watch(BIDE_WATCH_CREATED);
    bide_task *task = bide_create_task(wait_for_one, NULL);
    settle();
    CHECK(!bide_task_done(task));
    put(on_desk("f"), "", 0);
    CHECK_OK(bide_await(task));
    CHECK_STR(seen.name, "f");

    task = bide_create_task(wait_for_one, NULL);
    settle();
    CHECK(bide_task_cancel(task));
    CHECK_ERR(bide_await(task), -ECANCELED);
    put(on_desk("g"), "", 0);
    expect(shared, BIDE_WATCH_CREATED, "g");

    task = bide_create_task(wait_for_one, NULL);
    settle();
    bide_watch_close(shared);
    CHECK_ERR(bide_await(task), -EBADF);
    return 0;
}

TEST(a_task_waits_for_events_until_it_is_cancelled_or_the_watch_closed)
{
    run_both_ways(waiting);
}

static int add_the_desk(void *arg)
{
    (void)arg;
    return bide_watch_add(shared, desk, BIDE_WATCH_CREATED);
}

/* Whether an inotify descriptor of this process watches something: what the
 * kernel knows and the loop was not told yet. */
static bool is_watching(void)
{
    char path[64], text[256];
    for (int fd = 3; fd < 64; fd++) {
        snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
        if (access(path, F_OK) == 0) {
            content(path, text, sizeof text);
            if (strstr(text, "inotify wd"))
                return true;
        }
    }
    return false;
}

/* The event comes after the thread has added its path, and before the loop
 * can hear of that: it does not run meanwhile. */
static int early(void *arg)
{
    (void)arg;
    CHECK_OK(bide_watch_open(&shared));
    bide_task *waiter = bide_create_task(wait_for_one, NULL);
    settle();
    bide_task *adder = bide_create_task(add_the_desk, NULL);
    CHECK_OK(bide_sleep(0));
    for (int i = 0; i < 5000 && !is_watching(); i++)
        usleep(1000);
    put(on_desk("early"), "", 0);
    CHECK_OK(bide_await(adder));
    put(on_desk("late"), "", 0);
    CHECK_OK(bide_await(waiter));
    CHECK_STR(seen.name, "early");
    bide_watch_close(shared);
    return 0;
}

TEST(no_event_is_lost_that_comes_while_its_path_is_added)
{
    run_both_ways(early);
}

/* ── Overflow ─────────────────────────────────────────────────────────── */

/* What the kernel queues at most; 0 if that cannot be told. */
static long queue_max(void)
{
    char text[32] = "";
    content("/proc/sys/fs/inotify/max_queued_events", text, sizeof text);
    return atol(text);
}

static int overflowing(void *arg)
{
    (void)arg;
    long max = queue_max();
    if (max < 1 || max > 100000) {
        test_skip("the queue of events is too long to be filled");
        return 0;
    }
    bide_watch *watch = open_watch(BIDE_WATCH_ATTRIBUTES);
    put(on_desk("a"), "", 0);
    put(on_desk("b"), "", 0);
    const char *a = on_desk("a"), *b = on_desk("b");
    for (long i = 0; i <= max / 2; i++) { /* equal ones would be merged */
        (void)!chmod(a, 0600);
        (void)!chmod(b, 0600);
    }
    bide_watch_event event = {.change = 0};
    long count = 0;
    while (event.change != BIDE_WATCH_OVERFLOW && count <= max) {
        if (!CHECK_OK(bide_watch_next(watch, &event)))
            break;
        count++;
    }
    CHECK_INT(event.change, BIDE_WATCH_OVERFLOW);
    CHECK_STR(event.path, "");
    CHECK_OK(chmod(a, 0600));
    expect(watch, BIDE_WATCH_ATTRIBUTES, "a");
    bide_watch_close(watch);
    return 0;
}

TEST(lost_events_are_reported_and_later_ones_follow)
{
    run_both_ways(overflowing);
}
