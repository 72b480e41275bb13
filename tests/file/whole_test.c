/* SPDX-License-Identifier: MIT */
/* whole_test.c — whole files, and what can go wrong with them. */
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "file/desk.h"

/* ── Reading ──────────────────────────────────────────────────────────── */

/* Sizes around the first guess, and around a step. */
static int sizes(void *arg)
{
    (void)arg;
    static const size_t all[] = {0,     1,     4096,   16382,  16383, 16384,
                                 16385, 40000, 262144, 1048576, 3000001};
    char *expected = malloc(3000001);
    for (size_t i = 0; i < 3000001; i++)
        expected[i] = (char)(i * 13 + i / 512);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char *data = NULL;
        size_t len = 0;
        CHECK_OK(bide_write_file(on_desk("f"), expected, all[i]));
        CHECK_OK(bide_read_file(on_desk("f"), &data, &len));
        CHECK_INT(len, all[i]);
        CHECK_MEM(data, expected, all[i]);
        CHECK_INT(data[len], '\0');
        free(data);
    }
    free(expected);
    return 0;
}

TEST(whole_files_of_any_size_are_written_and_read)
{
    run_both_ways(sizes);
}

/* Where files are in memory, they are read by other means. */
static int on_tmpfs(void *arg)
{
    char *data = NULL;
    size_t len = 0;
    char path[] = "/dev/shm/bide-XXXXXX";
    int fd = mkstemp(path);
    (void)arg;
    if (fd < 0) {
        test_skip("there is no /dev/shm");
        return 0;
    }
    close(fd);
    put(path, "in memory", 9);
    put(on_desk("f"), "on disk", 7);
    for (int i = 0; i < 3; i++) { /* one kind after the other */
        CHECK_OK(bide_read_file(path, &data, &len));
        CHECK_STR(data, "in memory");
        free(data);
        CHECK_OK(bide_read_file(on_desk("f"), &data, &len));
        CHECK_STR(data, "on disk");
        free(data);
    }
    CHECK_OK(truncate(path, 5000000));
    CHECK_OK(bide_read_file(path, &data, &len));
    CHECK_INT(len, 5000000);
    free(data);
    unlink(path);
    return 0;
}

TEST(files_in_memory_are_read_like_others)
{
    run_both_ways(on_tmpfs);
}

static int limits(void *arg)
{
    (void)arg;
    char *data = NULL;
    size_t len = 99;
    put(on_desk("f"), "0123456789", 10);
    CHECK_OK(bide_read_file_max(on_desk("f"), 10, &data, &len));
    CHECK_STR(data, "0123456789");
    free(data);
    data = NULL;
    len = 99;
    CHECK_ERR(bide_read_file_max(on_desk("f"), 9, &data, &len), -EFBIG);
    CHECK(strstr(bide_errmsg(-EFBIG), "more than 9 bytes") != NULL);
    CHECK(!data && len == 99);
    CHECK_ERR(bide_read_file_max(on_desk("f"), 0, &data, &len), -EFBIG);
    CHECK_ERR(bide_read_file_max("/dev/zero", 1 << 20, &data, &len), -EFBIG);
    CHECK_ERR(bide_read_file_max("f", BIDE_READ_FILE_MAX + 1, &data, &len),
              -EINVAL);
    return 0;
}

TEST(a_file_beyond_the_limit_is_refused)
{
    run_both_ways(limits);
}

static int read_errors(void *arg)
{
    (void)arg;
    char *data;
    size_t len;
    CHECK_ERR(bide_read_file(on_desk("no"), &data, &len), -ENOENT);
    CHECK(strstr(bide_errmsg(-ENOENT), "/no': No such file") != NULL);
    CHECK_ERR(bide_read_file(desk, &data, &len), -EISDIR);
    CHECK(strstr(bide_errmsg(-EISDIR), desk) != NULL);
    CHECK_ERR(bide_write_file(on_desk("no/no"), "x", 1), -ENOENT);
    CHECK(strstr(bide_errmsg(-ENOENT), "writing '") != NULL);
    CHECK_OK(mkfifo(on_desk("fifo"), 0600));
    CHECK_ERR(bide_write_file(on_desk("fifo"), "x", 1), -ENXIO);
    return 0;
}

TEST(errors_of_whole_files_name_them)
{
    run_both_ways(read_errors);
}

static int of_proc(void *arg)
{
    (void)arg;
    char *data = NULL;
    size_t len = 0;
    /* Its size is 0 as far as stat(2) knows. */
    CHECK_OK(bide_read_file("/proc/self/status", &data, &len));
    CHECK(len > 100 && strncmp(data, "Name:", 5) == 0);
    free(data);
    return 0;
}

TEST(a_file_without_a_size_is_read_to_its_end)
{
    run_both_ways(of_proc);
}

/* ── Changing while they are read ─────────────────────────────────────── */

struct reading {
    bide_task *task;
    char *data;
    size_t len;
};

static int read_it(void *arg)
{
    struct reading *reading = arg;
    return bide_read_file(on_desk("f"), &reading->data, &reading->len);
}

/* The reader asks for the size when its first buffer is full, and suspends
 * between its steps; then the file is given another size. */
static void change_while_reading(off_t before, off_t after)
{
    struct reading reading = {.data = NULL};
    put(on_desk("f"), "", 0);
    CHECK_OK(truncate(on_desk("f"), before));
    bide__file_try_now = false; /* so that each step suspends */
    reading.task = bide_create_task(read_it, &reading);
    for (int i = 0; i < 3; i++)
        CHECK_OK(bide_sleep(0));
    CHECK_OK(truncate(on_desk("f"), after));
    CHECK_OK(bide_await(reading.task));
    CHECK(reading.len <= (size_t)(before > after ? before : after));
    for (size_t i = 0; i < reading.len; i++)
        if (reading.data[i])
            CHECK_INT(reading.data[i], 0);
    CHECK_INT(reading.data[reading.len], '\0');
    free(reading.data);
}

static int changing(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        change_while_reading(5000000, 100000);
        change_while_reading(100000, 5000000);
        change_while_reading(5000000, 0);
    }
    return 0;
}

TEST(a_file_that_shrinks_or_grows_while_it_is_read_gives_what_was_there)
{
    run_both_ways(changing);
}

/* ── Atomic writing ───────────────────────────────────────────────────── */

static int atomic(void *arg)
{
    (void)arg;
    struct stat status;
    CHECK_OK(bide_write_file_atomic(on_desk("f"), "new", 3));
    CHECK_CONTENT(on_desk("f"), "new");
    CHECK_OK(chmod(on_desk("f"), 0640));
    CHECK_OK(bide_write_file_atomic(on_desk("f"), "newer", 5));
    CHECK_CONTENT(on_desk("f"), "newer");
    CHECK_OK(stat(on_desk("f"), &status));
    CHECK_INT(status.st_mode & 07777, 0640);
    CHECK_OK(chdir(desk));
    CHECK_OK(bide_write_file_atomic("g", "here", 4));
    CHECK_OK(chdir("/"));
    CHECK_CONTENT(on_desk("g"), "here");
    CHECK_INT(count_entries(desk), 2);
    return 0;
}

TEST(atomic_writing_replaces_the_content_and_keeps_the_permissions)
{
    run_both_ways(atomic);
}

static int atomic_errors(void *arg)
{
    (void)arg;
    CHECK_ERR(bide_write_file_atomic(desk, "x", 1), -EISDIR);
    CHECK_ERR(bide_write_file_atomic(on_desk("no/f"), "x", 1), -ENOENT);
    CHECK_OK(mkdir(on_desk("directory"), 0700));
    CHECK_ERR(bide_write_file_atomic(on_desk("directory"), "x", 1), -EISDIR);
    CHECK_OK(symlink(on_desk("directory"), on_desk("link")));
    CHECK_OK(bide_write_file_atomic(on_desk("link"), "x", 1));
    CHECK_CONTENT(on_desk("link"), "x");
    CHECK_INT(count_entries(desk), 2);
    CHECK_INT(count_entries(on_desk("directory")), 0);
    return 0;
}

TEST(atomic_writing_that_fails_leaves_nothing_behind)
{
    run_both_ways(atomic_errors);
}

/* ── Full disks ───────────────────────────────────────────────────────── */

/* A file system of 64 KiB on the desk; false where that is not allowed. */
static bool mount_small(void)
{
    CHECK_OK(mkdir(on_desk("small"), 0700));
    return mount("none", on_desk("small"), "tmpfs", 0, "size=64k") == 0;
}

static int full_disk(void *arg)
{
    (void)arg;
    static const char data[200000];
    if (!mount_small()) {
        test_skip("no file system can be mounted");
        return 0;
    }
    CHECK_OK(bide_write_file_atomic(on_desk("small/f"), "old", 3));
    CHECK_ERR(
        bide_write_file_atomic(on_desk("small/f"), data, sizeof data),
        -ENOSPC);
    CHECK(strstr(bide_errmsg(-ENOSPC), "small/f': No space") != NULL);
    CHECK_CONTENT(on_desk("small/f"), "old");
    CHECK_INT(count_entries(on_desk("small")), 1);
    CHECK_ERR(bide_write_file(on_desk("small/g"), data, sizeof data), -ENOSPC);
    CHECK_OK(unlink(on_desk("small/g")));
    bide_file *file = NULL;
    CHECK_OK(bide_file_open(on_desk("small/h"), "w", &file));
    CHECK_ERR(bide_file_write(file, data, sizeof data), -ENOSPC);
    CHECK_INT(bide_file_tell(file), 0);
    CHECK_OK(bide_file_close(file));
    CHECK_OK(umount(on_desk("small")));
    return 0;
}

TEST(a_full_disk_is_an_error_and_the_old_file_stays)
{
    run_both_ways(full_disk);
}

static int too_large(void *arg)
{
    (void)arg;
    static const char data[200000];
    struct rlimit before, limit = {.rlim_cur = 100000};
    getrlimit(RLIMIT_FSIZE, &before);
    limit.rlim_max = before.rlim_max;
    put(on_desk("f"), "old", 3);
    signal(SIGXFSZ, SIG_IGN);
    CHECK_OK(setrlimit(RLIMIT_FSIZE, &limit));
    CHECK_ERR(bide_write_file_atomic(on_desk("f"), data, sizeof data),
              -EFBIG);
    CHECK_ERR(bide_write_file(on_desk("g"), data, sizeof data), -EFBIG);
    bide_file *file = NULL;
    CHECK_OK(bide_file_open(on_desk("h"), "w", &file));
    CHECK_ERR(bide_file_write(file, data, sizeof data), -EFBIG);
    CHECK_ERR(bide_file_truncate(file, 200000), -EFBIG);
    CHECK_OK(bide_file_close(file));
    CHECK_OK(setrlimit(RLIMIT_FSIZE, &before));
    signal(SIGXFSZ, SIG_DFL);
    CHECK_CONTENT(on_desk("f"), "old");
    CHECK_INT(count_entries(desk), 3);
    return 0;
}

TEST(the_limit_of_a_files_size_is_an_error)
{
    run_both_ways(too_large);
}

static char many_names[300][8];

static int write_and_read(void *arg)
{
    const char *name = arg;
    char *data = NULL;
    size_t len = 0;
    char path[64];
    snprintf(path, sizeof path, "%s/%s", desk, name);
    int rc = bide_write_file(path, name, strlen(name));
    if (rc == 0)
        rc = bide_read_file(path, &data, &len);
    if (rc == 0)
        CHECK_STR(data, name);
    free(data);
    return rc;
}

static int many(void *arg)
{
    (void)arg;
    bide_task *tasks[300];
    for (int i = 0; i < 300; i++) {
        snprintf(many_names[i], sizeof many_names[i], "f%d", i);
        tasks[i] = bide_create_task(write_and_read, many_names[i]);
    }
    CHECK_OK(bide_gather(tasks, 300));
    CHECK_INT(count_entries(desk), 300);
    return 0;
}

TEST(hundreds_of_files_are_written_and_read_at_the_same_time)
{
    run_both_ways(many);
}
