/* SPDX-License-Identifier: MIT */
/*
 * end_test.c — calls on files that end otherwise than by themselves: the file
 * is closed, the task cancelled, memory is short.
 */
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "file/desk.h"
#include "helpers/death.h"
#include "helpers/journal.h"
#include "helpers/torture.h"

/* ── Closing while others use the file ────────────────────────────────── */

#define LEN ((size_t)8 << 20)

static bide_file *shared;
static char *memory;

static int read_all(void *arg)
{
    (void)arg;
    ssize_t n = bide_file_read(shared, memory, LEN);
    return n < 0 ? (int)n : 0;
}

static int write_all(void *arg)
{
    (void)arg;
    ssize_t n = bide_file_write(shared, memory, LEN);
    return n < 0 ? (int)n : 0;
}

/* Whoever was in a call, or waited for a turn, gets -EBADF; what had come to
 * its end before is a success. */
static void close_while(bide_coroutine *use)
{
    bide_task *tasks[3];
    CHECK_OK(bide_file_open(on_desk("f"), "r+", &shared));
    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(use, NULL);
    CHECK_OK(bide_sleep(0));
    CHECK_OK(bide_file_close(shared));
    for (int i = 0; i < 3; i++) {
        CHECK(bide_task_done(tasks[i]));
        CHECK_ERR(bide_await(tasks[i]), -EBADF);
    }
}

static int write_vector(void *arg)
{
    (void)arg;
    struct iovec iov[2] = {{memory, 100000}, {memory, 100000}};
    ssize_t n = bide_file_writev(shared, iov, 2, -1);
    return n < 0 ? (int)n : 0;
}

static int closing(void *arg)
{
    (void)arg;
    memory = calloc(1, LEN);
    put(on_desk("f"), memory, LEN);
    for (int i = 0; i < 10; i++)
        close_while(write_all);
    CHECK_OK(bide_file_open(on_desk("f"), "r+", &shared));
    bide_task *tasks[2] = {bide_create_task(write_vector, NULL),
                           bide_create_task(write_vector, NULL)};
    CHECK_OK(bide_sleep(0));
    CHECK_OK(bide_file_close(shared));
    int rc = bide_await(tasks[0]); /* the system may have been faster */
    CHECK(rc == 0 || rc == -EBADF);
    CHECK_ERR(bide_await(tasks[1]), -EBADF);
    if (!bide__file_try_now)
        close_while(read_all);
    free(memory);
    return 0;
}

TEST(closing_ends_the_calls_of_others_and_waits_for_them)
{
    run_both_ways(closing);
}

static int close_it(void *arg)
{
    (void)arg;
    return bide_file_close(shared);
}

static int closing_cancelled(void *arg)
{
    (void)arg;
    CHECK_OK(bide_file_open(on_desk("f"), "w", &shared));
    bide_task *task = bide_create_task(close_it, NULL);
    CHECK_OK(bide_sleep(0));
    (void)bide_task_cancel(task);
    int rc = bide_await(task);
    CHECK(rc == 0 || rc == -ECANCELED);
    return 0; /* that it is closed, the count of descriptors shows */
}

TEST(a_cancelled_close_has_closed)
{
    run_both_ways(closing_cancelled);
}

static int close_twice(void *arg)
{
    (void)arg;
    memory = calloc(1, LEN);
    CHECK_OK(bide_file_open(on_desk("f"), "w", &shared));
    bide_task *writer = bide_create_task(write_all, NULL);
    CHECK_OK(bide_sleep(0));
    bide_task *closer = bide_create_task(close_it, NULL);
    CHECK_OK(bide_sleep(0));
    int rc = bide_file_close(shared);
    bide_task_detach(closer);
    bide_task_detach(writer);
    return rc;
}

static void die_of_closing_twice(void)
{
    CHECK_OK(bide_run(close_twice, NULL));
}

TEST(closing_what_another_task_is_closing_is_misuse)
{
    desk_open();
    CHECK_DIES(die_of_closing_twice, "close it once");
    desk_close();
}

/* ── While no thread is free ──────────────────────────────────────────── */

#define THREADS 4 /* of the file pool */

static atomic_bool released;

static int hold_thread(struct bide__job *job)
{
    (void)job;
    while (!released)
        usleep(100);
    return 0;
}

static int hold(void *arg)
{
    static const struct bide__wait wait = {
        .name = "hold",
        .cancel = bide__job_cancel,
    };
    struct bide__job job = {.fn = hold_thread};
    (void)arg;
    return bide__job_run(bide_current_task(), &job, &wait);
}

static bide_task *holders[THREADS];

static void take_threads(void)
{
    released = false;
    for (int i = 0; i < THREADS; i++)
        holders[i] = bide_create_task(hold, NULL);
    CHECK_OK(bide_sleep(0));
    usleep(20000); /* all of them have begun */
}

static void give_threads_back(void)
{
    released = true;
    CHECK_OK(bide_gather(holders, THREADS));
}

static bide_walk walk;
static bide_entry entry;

static int walk_on(void *arg)
{
    (void)arg;
    return bide_walk_next(&walk, &entry);
}

static int walking_cancelled(void *arg)
{
    (void)arg;
    CHECK_OK(mkdir(on_desk("d"), 0700));
    put(on_desk("d/f"), "", 0);
    CHECK_OK(bide_walk_open(&walk, desk, NULL));
    CHECK_INT(bide_walk_next(&walk, &entry), 1);
    CHECK_STR(entry.name, "d");
    take_threads();
    bide_task *task = bide_create_task(walk_on, NULL);
    CHECK_OK(bide_sleep(0));
    CHECK(bide_task_cancel(task));
    CHECK_ERR(bide_await(task), -ECANCELED);
    give_threads_back();
    CHECK_INT(bide_walk_next(&walk, &entry), 1);
    CHECK_STR(entry.name, "f");
    CHECK_INT(bide_walk_next(&walk, &entry), 0);
    bide_walk_close(&walk);
    return 0;
}

TEST(a_walk_that_was_cancelled_goes_on_where_it_was)
{
    run_both_ways(walking_cancelled);
}

static bide_stream *ends[2];

static int send_file(void *arg)
{
    bide_file *file = arg;
    int64_t n = bide_sendfile(ends[1], file, 0, -1);
    return n < 0 ? (int)n : 0;
}

/* A thread is at work for the sender when the file is closed, and comes back
 * with nothing done, because the socket is full. */
static int closing_while_sending(void *arg)
{
    (void)arg;
    memory = calloc(1, LEN);
    put(on_desk("f"), memory, LEN);
    CHECK_OK(bide_stream_pair(ends));
    while (send(bide_stream_fileno(ends[1]), memory, LEN, MSG_DONTWAIT) > 0)
        continue;
    bide__file_try_now = false;
    CHECK_OK(bide_file_open(on_desk("f"), "r", &shared));
    take_threads();
    bide_task *sender = bide_create_task(send_file, shared);
    CHECK_OK(bide_sleep(0));
    bide_task *closer = bide_create_task(close_it, NULL);
    CHECK_OK(bide_sleep(0));
    give_threads_back();
    CHECK_ERR(bide_await(sender), -EBADF);
    CHECK_OK(bide_await(closer));
    bide_stream_close(ends[0]);
    bide_stream_close(ends[1]);
    free(memory);
    return 0;
}

TEST(closing_a_file_ends_sending_it_that_is_on_a_thread)
{
    run_both_ways(closing_while_sending);
}

static int read_line(void *arg)
{
    return (int)bide_file_readline(shared, arg, 32);
}

/* What was read ahead while the file was being written is not kept. */
static int edited_meanwhile(void *arg)
{
    (void)arg;
    char line[32];
    put(on_desk("f"), "aaa\nbbb\n", 8);
    bide__file_try_now = false;
    CHECK_OK(bide_file_open(on_desk("f"), "r+", &shared));
    bide_task *reader = bide_create_task(read_line, line);
    CHECK_OK(bide_sleep(0));
    bide__file_forget_ahead(shared); /* as writing does when it is done */
    CHECK_INT(bide_await(reader), 4);
    CHECK_INT(pwrite(bide_file_fileno(shared), "XYZ", 3, 4), 3);
    CHECK_INT(bide_file_readline(shared, line, sizeof line), 4);
    CHECK_STR(line, "XYZ\n");
    CHECK_OK(bide_file_close(shared));
    return 0;
}

TEST(what_is_read_ahead_while_others_write_is_not_kept)
{
    run_both_ways(edited_meanwhile);
}

TEST(a_job_that_writes_stops_when_it_is_told_to)
{
    struct bide__job job = {.stop = true};
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    CHECK_ERR(bide__job_write(&job, fd, "data", 4), -ECANCELED);
    job.stop = false;
    CHECK_OK(bide__job_write(&job, fd, "data", 4));
    close(fd);
}

/* ── Cancelled before anything began ──────────────────────────────────── */

static bide_coroutine *to_cancel;

static int cancel_self_first(void *arg)
{
    (void)bide_task_cancel(bide_current_task());
    return to_cancel(arg);
}

static void check_pending(bide_coroutine *fn)
{
    to_cancel = fn;
    CHECK_ERR(bide_await(bide_create_task(cancel_self_first, NULL)),
              -ECANCELED);
}

static int pending_open(void *arg)
{
    (void)arg;
    bide_file *file;
    return bide_file_open(on_desk("new"), "w", &file);
}

static int pending_read(void *arg)
{
    (void)arg;
    return (int)bide_file_read(shared, (char[1]){0}, 1);
}

static int pending_whole(void *arg)
{
    (void)arg;
    return bide_write_file(on_desk("new"), "x", 1);
}

static int pending_mkdir(void *arg)
{
    (void)arg;
    return bide_mkdir(on_desk("new"), 0700);
}

static int pending(void *arg)
{
    (void)arg;
    put(on_desk("f"), "x", 1);
    CHECK_OK(bide_file_open(on_desk("f"), "r", &shared));
    check_pending(pending_open);
    check_pending(pending_read);
    check_pending(pending_whole);
    check_pending(pending_mkdir);
    CHECK_INT(bide_file_tell(shared), 0);
    check_pending(close_it);
    CHECK_INT(count_entries(desk), 1);
    return 0;
}

TEST(a_pending_cancellation_is_delivered_first)
{
    run_both_ways(pending);
}

/* ── Everything that can go wrong, at each place ──────────────────────── */

static int first_error(int first, int second)
{
    return first < 0 ? first : second;
}

static int use_handle(bide_file *file)
{
    char buf[16] = "vector";
    char *data;
    size_t len;
    struct iovec iov[2] = {{buf, 3}, {buf + 3, 3}};
    ssize_t n = bide_file_write(file, "one\ntwo\n", 8);
    if (n >= 0)
        n = bide_file_writev(file, iov, 2, 8);
    if (n >= 0)
        n = bide_file_readv(file, iov, 2, 0);
    if (n >= 0)
        n = bide_file_seek(file, 0, SEEK_SET);
    if (n >= 0)
        n = bide_file_readline(file, buf, sizeof buf);
    if (n >= 0) {
        CHECK_INT(n, 4);
        n = bide_file_readall(file, &data, &len);
        if (n >= 0)
            free(data);
    }
    if (n >= 0)
        n = bide_file_truncate(file, 2);
    if (n >= 0)
        n = bide_file_fdatasync(file);
    return n < 0 ? (int)n : 0;
}

static int handle_scenario(void *arg)
{
    (void)arg;
    bide_file *file;
    int rc = bide_file_open(on_desk("f"), "w+", &file);
    if (rc == 0) {
        rc = use_handle(file);
        rc = first_error(rc, bide_file_close(file));
    }
    unlink(on_desk("f"));
    return rc;
}

static int list(const char *path)
{
    bide_scandir scandir;
    int rc = bide_scandir_open(&scandir, path);
    if (rc < 0)
        return rc;
    while ((rc = bide_scandir_next(&scandir, &entry)) > 0)
        continue;
    bide_scandir_close(&scandir);
    if (rc == 0)
        rc = bide_walk_open(&walk, path, NULL);
    if (rc < 0)
        return rc;
    while ((rc = bide_walk_next(&walk, &entry)) > 0)
        continue;
    bide_walk_close(&walk);
    return rc;
}

static int use_paths(void)
{
    char *data;
    size_t len;
    struct stat status;
    int rc = bide_makedirs(on_desk("d/e"), 0700);
    if (rc == 0)
        rc = bide_write_file(on_desk("d/f"), "data", 4);
    if (rc == 0)
        rc = bide_write_file_atomic(on_desk("d/f"), "atom", 4);
    if (rc == 0)
        rc = bide_read_file(on_desk("d/f"), &data, &len);
    if (rc == 0) {
        CHECK_STR(data, "atom");
        free(data);
        rc = bide_stat(on_desk("d/f"), &status);
    }
    if (rc == 0)
        rc = bide_symlink("f", on_desk("d/g"));
    if (rc == 0)
        rc = bide_rename(on_desk("d/g"), on_desk("d/h"));
    return rc == 0 ? list(desk) : rc;
}

static int temporary_files(void)
{
    bide_file *file;
    char path[128];
    int rc = bide_temporary_file(desk, &file);
    if (rc == 0)
        rc = bide_file_close(file);
    if (rc == 0)
        rc = bide_temporary_directory(desk, path, sizeof path);
    if (rc == 0) {
        rc = bide_rmdir(path);
        if (rc < 0)
            rmdir(path);
    }
    return rc;
}

static int path_scenario(void *arg)
{
    (void)arg;
    int rc = use_paths();
    if (rc == 0)
        rc = bide_remove_tree(on_desk("d"));
    if (rc == 0)
        rc = temporary_files();
    nftw(on_desk("d"), remove_one, 8, FTW_DEPTH | FTW_PHYS);
    CHECK_INT(count_entries(desk), 0); /* no temporary file is left */
    return rc;
}

static bide_watch *watch;

static int look_for_change(void *arg)
{
    (void)arg;
    bide_watch_event event;
    return bide_watch_next(watch, &event);
}

static int make_change(void *arg)
{
    (void)arg;
    int rc = bide_watch_add(watch, desk, BIDE_WATCH_CREATED);
    return rc == 0 ? bide_write_file(on_desk("f"), "", 0) : rc;
}

static int watch_scenario(void *arg)
{
    (void)arg;
    int rc = bide_watch_open(&watch);
    if (rc < 0)
        return rc;
    bide_task *tasks[2] = {bide_create_task(look_for_change, NULL),
                           bide_create_task(make_change, NULL)};
    rc = bide_gather(tasks, 2);
    bide_watch_close(watch);
    unlink(on_desk("f"));
    return rc;
}

static int open_and_send(void *arg)
{
    (void)arg;
    bide_file *file;
    int rc = bide_file_open(on_desk("f"), "r", &file);
    if (rc < 0)
        return rc;
    rc = send_file(file);
    return first_error(rc, bide_file_close(file));
}

static int receive(void *arg)
{
    (void)arg;
    static char buf[65536];
    ssize_t n = 1;
    for (size_t left = 400000; left > 0 && n > 0; left -= (size_t)n) {
        n = bide_stream_read(ends[0], buf, sizeof buf);
        if (n < 0)
            return (int)n;
    }
    return 0;
}

static int send_scenario(void *arg)
{
    (void)arg;
    put(on_desk("f"), "", 0);
    CHECK_OK(truncate(on_desk("f"), 400000));
    int rc = bide_stream_pair(ends);
    if (rc < 0)
        return rc;
    bide_task *tasks[2] = {bide_create_task(open_and_send, NULL),
                           bide_create_task(receive, NULL)};
    rc = bide_gather(tasks, 2);
    bide_stream_close(ends[0]);
    bide_stream_close(ends[1]);
    return rc;
}

static void torture_both_ways(bide_coroutine *scenario, size_t suspensions)
{
    for (int now = 1; now >= 0; now--) {
        bide__file_try_now = now;
        desk_open();
        int before = count_entries("/proc/self/fd");
        struct torture_counts counts = torture(scenario);
        CHECK(now || counts.suspensions >= suspensions);
        CHECK_INT(count_entries("/proc/self/fd"), before);
        desk_close();
    }
    bide__file_try_now = true;
}

TEST(handles_survive_torture)
{
    torture_both_ways(handle_scenario, 10);
}

TEST(paths_survive_torture)
{
    torture_both_ways(path_scenario, 15);
}

TEST(watching_survives_torture)
{
    torture_both_ways(watch_scenario, 4);
}

TEST(sending_survives_torture)
{
    torture_both_ways(send_scenario, 4);
}
