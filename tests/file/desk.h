/* SPDX-License-Identifier: MIT */
/*
 * desk.h — a directory for the running test, and a look at what is left when
 * it has ended.
 */
#ifndef BIDE_TESTS_FILE_DESK_H
#define BIDE_TESTS_FILE_DESK_H

#include <bide.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file/file.h"
#include "test.h"

static char desk[32]; /* its path */

/* The path of a name on the desk; a few of them are valid at a time. */
static inline const char *on_desk(const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", desk, name);
    return path;
}

/* How many entries a directory has, "." and ".." not counted. */
static inline int count_entries(const char *path)
{
    DIR *directory = opendir(path);
    int count = -2;
    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count;
}

static inline int remove_one(const char *path, const struct stat *status,
                             int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static inline void desk_open(void)
{
    strcpy(desk, "/tmp/bide-desk-XXXXXX");
    CHECK(mkdtemp(desk) != NULL);
}

static inline void desk_close(void)
{
    nftw(desk, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Run a test's coroutine in a loop of its own with a fresh desk: once where
 * asking the kernel at once is allowed, once where every call has to wait. No
 * descriptor may be left. */
static inline void run_both_ways(bide_coroutine *coroutine)
{
    for (int now = 1; now >= 0; now--) {
        bide__file_try_now = now;
        desk_open();
        int before = count_entries("/proc/self/fd");
        CHECK_OK(bide_run(coroutine, NULL));
        CHECK_INT(count_entries("/proc/self/fd"), before);
        desk_close();
    }
    bide__file_try_now = true;
}

/* What plain system calls find in a file. Returns its length. */
static inline size_t content(const char *path, char *buf, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, buf, size - 1);
    close(fd);
    buf[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

/* Make a file by plain system calls. */
static inline void put(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    CHECK_INT(write(fd, data, len), (long long)len);
    close(fd);
}

/* The file holds this text and no more. */
#define CHECK_CONTENT(path, text)                                             \
    do {                                                                      \
        char content_[512];                                                   \
        content(path, content_, sizeof content_);                             \
        CHECK_STR(content_, text);                                            \
    } while (0)

#endif
