/* SPDX-License-Identifier: MIT */
/* path_test.c — names: looking, changing, listing, walking, removing. */
#include "file/desk.h"

/* ── One call ─────────────────────────────────────────────────────────── */

static int looking(void *arg)
{
    (void)arg;
    struct stat status, expected;
    put(on_desk("f"), "12345", 5);
    CHECK_OK(bide_symlink("f", on_desk("link")));
    CHECK_OK(bide_stat(on_desk("link"), &status));
    CHECK_OK(stat(on_desk("f"), &expected));
    CHECK_INT(status.st_ino, expected.st_ino);
    CHECK_INT(status.st_size, 5);
    CHECK_INT(status.st_uid, expected.st_uid);
    CHECK_INT(status.st_ctim.tv_nsec, expected.st_ctim.tv_nsec);
    CHECK_OK(bide_lstat(on_desk("link"), &status));
    CHECK(S_ISLNK(status.st_mode));
    CHECK_OK(bide_stat("/dev/null", &status));
    CHECK_OK(stat("/dev/null", &expected));
    CHECK_INT(status.st_rdev, expected.st_rdev);
    CHECK_ERR(bide_stat(on_desk("no"), &status), -ENOENT);
    CHECK(strstr(bide_errmsg(-ENOENT), "looking at '") != NULL);
    char buf[8];
    CHECK_INT(bide_readlink(on_desk("link"), buf, sizeof buf), 1);
    CHECK_STR(buf, "f");
    CHECK_ERR(bide_readlink(on_desk("link"), buf, 1), -ENAMETOOLONG);
    CHECK_ERR(bide_readlink(on_desk("f"), buf, sizeof buf), -EINVAL);
    return 0;
}

TEST(stat_follows_links_and_lstat_does_not)
{
    run_both_ways(looking);
}

static int changing(void *arg)
{
    (void)arg;
    put(on_desk("a"), "a", 1);
    put(on_desk("b"), "b", 1);
    CHECK_OK(bide_rename(on_desk("a"), on_desk("b")));
    CHECK_CONTENT(on_desk("b"), "a");
    CHECK_ERR(bide_rename(on_desk("a"), on_desk("b")), -ENOENT);
    CHECK(strstr(bide_errmsg(-ENOENT), "renaming '") != NULL);
    CHECK_OK(bide_unlink(on_desk("b")));
    CHECK_ERR(bide_unlink(on_desk("b")), -ENOENT);
    CHECK_OK(bide_mkdir(on_desk("d"), 0700));
    CHECK_ERR(bide_mkdir(on_desk("d"), 0700), -EEXIST);
    CHECK_ERR(bide_unlink(on_desk("d")), -EISDIR);
    put(on_desk("d/f"), "", 0);
    CHECK_ERR(bide_rmdir(on_desk("d")), -ENOTEMPTY);
    CHECK_OK(bide_unlink(on_desk("d/f")));
    CHECK_OK(bide_rmdir(on_desk("d")));
    CHECK_ERR(bide_symlink("x", on_desk("no/link")), -ENOENT);
    CHECK_INT(count_entries(desk), 0);
    return 0;
}

TEST(names_are_changed_and_removed)
{
    run_both_ways(changing);
}

static int making(void *arg)
{
    (void)arg;
    CHECK_OK(bide_makedirs(on_desk("a/b//c/"), 0700));
    CHECK_INT(count_entries(on_desk("a/b/c")), 0);
    CHECK_OK(bide_makedirs(on_desk("a/b/c"), 0700));
    put(on_desk("f"), "", 0);
    CHECK_ERR(bide_makedirs(on_desk("f"), 0700), -EEXIST);
    CHECK_ERR(bide_makedirs(on_desk("f/g"), 0700), -EEXIST);
    CHECK_ERR(bide_makedirs("", 0700), -ENOENT);
    CHECK_OK(chdir(desk));
    CHECK_OK(bide_makedirs("x/y", 0700));
    CHECK_OK(chdir("/"));
    CHECK_INT(count_entries(on_desk("x")), 1);
    return 0;
}

TEST(makedirs_makes_what_is_missing)
{
    run_both_ways(making);
}

static int temporary(void *arg)
{
    (void)arg;
    char one[128], two[128];
    struct stat status;
    CHECK_OK(bide_temporary_directory(desk, one, sizeof one));
    CHECK_OK(bide_temporary_directory(desk, two, sizeof two));
    CHECK(strcmp(one, two) != 0);
    CHECK_OK(stat(one, &status));
    CHECK_INT(status.st_mode & 07777, 0700);
    CHECK_ERR(bide_temporary_directory(desk, one, 20), -ENAMETOOLONG);
    CHECK_ERR(bide_temporary_directory("/no/such", one, sizeof one), -ENOENT);
    CHECK_INT(count_entries(desk), 2);
    return 0;
}

TEST(temporary_directories_have_names_of_their_own)
{
    run_both_ways(temporary);
}

/* ── Listing ──────────────────────────────────────────────────────────── */

static int listing(void *arg)
{
    (void)arg;
    enum { COUNT = 1000 }; /* more than fits into one buffer */
    static bool seen[COUNT];
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < COUNT; i++) {
        char name[64];
        snprintf(name, sizeof name, "a-rather-long-name-to-fill-%d", i);
        put(on_desk(name), "", 0);
    }
    bide_scandir scandir;
    bide_entry entry;
    int rc, count = 0;
    CHECK_OK(bide_scandir_open(&scandir, desk));
    while ((rc = bide_scandir_next(&scandir, &entry)) > 0) {
        int number = atoi(strrchr(entry.name, '-') + 1);
        CHECK(!seen[number]);
        seen[number] = true;
        CHECK_INT(entry.type, BIDE_ENTRY_FILE);
        CHECK(entry.inode > 0);
        count++;
    }
    CHECK_INT(rc, 0);
    CHECK_INT(bide_scandir_next(&scandir, &entry), 0);
    bide_scandir_close(&scandir);
    CHECK_INT(count, COUNT);
    CHECK_ERR(bide_scandir_open(&scandir, on_desk("no")), -ENOENT);
    CHECK(strstr(bide_errmsg(-ENOENT), "listing '") != NULL);
    CHECK_ERR(bide_scandir_open(&scandir, "/dev/null"), -ENOTDIR);
    return 0;
}

TEST(each_entry_of_a_directory_is_listed_once)
{
    run_both_ways(listing);
}

static int types(void *arg)
{
    (void)arg;
    put(on_desk("1"), "", 0);
    CHECK_OK(mkdir(on_desk("2"), 0700));
    CHECK_OK(symlink("2", on_desk("3")));
    CHECK_OK(mkfifo(on_desk("4"), 0600));
    bide_scandir scandir;
    bide_entry entry;
    int count = 0;
    CHECK_OK(bide_scandir_open(&scandir, desk));
    for (; bide_scandir_next(&scandir, &entry) > 0; count++)
        CHECK_INT(entry.type, atoi(entry.name));
    bide_scandir_close(&scandir);
    CHECK_INT(count, 4);
    return 0;
}

TEST(entries_say_what_they_are)
{
    run_both_ways(types);
}

/* ── Walking ──────────────────────────────────────────────────────────── */

static void plant(void)
{
    CHECK_OK(mkdir(on_desk("a"), 0700));
    CHECK_OK(mkdir(on_desk("a/b"), 0700));
    CHECK_OK(mkdir(on_desk("a/b/c"), 0700));
    put(on_desk("a/b/c/leaf"), "", 0);
    put(on_desk("a/leaf"), "", 0);
    put(on_desk("leaf"), "", 0);
    CHECK_OK(symlink(desk, on_desk("a/loop")));
}

/* Walk and note each path behind the desk's. Returns the last code. */
static int walk_all(const bide_walk_options *options, const char *skip,
                    char *found, size_t size)
{
    bide_walk walk;
    bide_entry entry;
    size_t len = 0;
    int rc = bide_walk_open(&walk, desk, options);
    if (!CHECK_OK(rc))
        return rc;
    found[0] = '\0';
    while ((rc = bide_walk_next(&walk, &entry)) > 0) {
        const char *path = entry.path + strlen(desk) + 1;
        unsigned depth = 0;
        for (const char *c = path; *c; c++)
            depth += *c == '/';
        CHECK_INT(entry.depth, depth);
        CHECK_STR(entry.name, depth ? strrchr(path, '/') + 1 : path);
        len += (size_t)snprintf(found + len, size - len, "[%s]", path);
        if (skip && strcmp(path, skip) == 0)
            bide_walk_skip(&walk);
    }
    bide_walk_close(&walk);
    return rc;
}

static int walking(void *arg)
{
    (void)arg;
    static const char *const all[] = {"[a]",          "[a/b]",    "[a/b/c]",
                                      "[a/b/c/leaf]", "[a/leaf]", "[leaf]",
                                      "[a/loop]"};
    char found[512];
    plant();
    CHECK_INT(walk_all(NULL, NULL, found, sizeof found), 0);
    size_t len = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        CHECK(strstr(found, all[i]) != NULL);
        len += strlen(all[i]);
    }
    CHECK_INT(strlen(found), len); /* and nothing else */
    CHECK(strstr(found, "[a]") < strstr(found, "[a/b]"));
    CHECK(strstr(found, "[a/b]") < strstr(found, "[a/b/c]"));
    CHECK_INT(walk_all(NULL, "a/b", found, sizeof found), 0);
    CHECK(strstr(found, "[a/b]") && !strstr(found, "[a/b/"));
    return 0;
}

TEST(a_walk_finds_everything_and_does_not_follow_links)
{
    run_both_ways(walking);
}

static int depths(void *arg)
{
    (void)arg;
    char found[512];
    plant();
    bide_walk_options options = {.depth_max = 1, .stop_there = true};
    CHECK_INT(walk_all(&options, NULL, found, sizeof found), 0);
    CHECK(strstr(found, "[a/b]") && !strstr(found, "[a/b/"));
    options.stop_there = false;
    CHECK_ERR(walk_all(&options, NULL, found, sizeof found), -ELOOP);
    CHECK(strstr(bide_errmsg(-ELOOP), "/a/b' lies deeper than 1") != NULL);
    bide_walk walk;
    options.depth_max = BIDE_DEPTH_MAX + 1;
    CHECK_ERR(bide_walk_open(&walk, desk, &options), -EINVAL);
    CHECK_ERR(bide_walk_open(&walk, on_desk("no"), NULL), -ENOENT);
    return 0;
}

TEST(a_walk_goes_as_deep_as_it_may)
{
    run_both_ways(depths);
}

static int errors_of_walking(void *arg)
{
    (void)arg;
    bide_walk walk;
    bide_entry entry;
    CHECK_OK(mkdir(on_desk("a"), 0700));
    put(on_desk("b"), "", 0);
    CHECK_OK(mkdir(on_desk("c"), 0700));
    CHECK_OK(bide_walk_open(&walk, desk, NULL));
    int rc, count = 0;
    while ((rc = bide_walk_next(&walk, &entry)) > 0) {
        if (entry.type == BIDE_ENTRY_DIRECTORY) {
            CHECK_OK(rmdir(entry.path)); /* gone before it is entered */
            put(entry.path, "", 0);
        }
        count++;
    }
    CHECK_INT(rc, 0);
    CHECK_INT(count, 3);
    bide_walk_close(&walk);
    return 0;
}

TEST(a_directory_that_goes_away_while_walking_is_left_out)
{
    run_both_ways(errors_of_walking);
}

/* ── Removing trees ───────────────────────────────────────────────────── */

static int removing(void *arg)
{
    (void)arg;
    CHECK_OK(mkdir(on_desk("keep"), 0700));
    put(on_desk("keep/f"), "", 0);
    CHECK_OK(bide_makedirs(on_desk("tree/a/b/c"), 0700));
    for (int i = 0; i < 500; i++) {
        char name[32];
        snprintf(name, sizeof name, "tree/a/file-%d", i);
        put(on_desk(name), "", 0);
    }
    CHECK_OK(symlink(on_desk("keep"), on_desk("tree/a/link")));
    CHECK_OK(bide_remove_tree(on_desk("tree")));
    CHECK_INT(count_entries(desk), 1);
    CHECK_INT(count_entries(on_desk("keep")), 1);
    CHECK_ERR(bide_remove_tree(on_desk("tree")), -ENOENT);
    CHECK_ERR(bide_remove_tree(on_desk("keep/f")), -ENOTDIR);
    CHECK(strstr(bide_errmsg(-ENOTDIR), "removing '") != NULL);
    CHECK_OK(symlink(on_desk("keep"), on_desk("link")));
    CHECK_ERR(bide_remove_tree(on_desk("link")), -ENOTDIR);
    CHECK_INT(count_entries(on_desk("keep")), 1);
    return 0;
}

TEST(a_tree_is_removed_and_links_are_not_followed)
{
    run_both_ways(removing);
}

static int too_deep(void *arg)
{
    (void)arg;
    char path[512];
    size_t len = (size_t)snprintf(path, sizeof path, "%s", desk);
    for (int i = 0; i < BIDE_DEPTH_MAX + 2; i++) {
        len += (size_t)snprintf(path + len, sizeof path - len, "/d");
        CHECK_OK(mkdir(path, 0700));
    }
    CHECK_ERR(bide_remove_tree(on_desk("d")), -ELOOP);
    CHECK(strstr(bide_errmsg(-ELOOP), "'d' lies deeper than 128") != NULL);
    CHECK_INT(count_entries(desk), 1);
    return 0;
}

TEST(a_tree_that_is_too_deep_is_refused)
{
    run_both_ways(too_deep);
}
