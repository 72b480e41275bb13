/* SPDX-License-Identifier: MIT */
/*
 * save.c — memory into a whole file.
 *
 * One job does it all: opening for writing, writing and closing can each wait
 * for the disk, and crossing over to a thread once costs less than three
 * times, in the ring too, which has threads of its own for these.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file/file.h"

struct saving {
    struct bide__job job;
    const char *path;
    const char *data;
    size_t len;
};

/* The first of two results that is an error. */
static int first_error(int first, int second)
{
    return first < 0 ? first : second;
}

static int close_fd(int fd)
{
    return close(fd) < 0 ? -errno : 0;
}

/* ── In place ─────────────────────────────────────────────────────────── */

/* Non-blocking, so that a pipe nobody reads is an error and not a thread lost
 * for good; but where that finds a lease, its holder is waited for. */
static int open_to_write(const char *path)
{
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY;
    int fd = open(path, flags | O_NONBLOCK, 0666);
    if (fd < 0 && errno == EWOULDBLOCK)
        fd = open(path, flags, 0666);
    return fd < 0 ? -errno : fd;
}

static int write_in_place(struct bide__job *job)
{
    struct saving *saving = BIDE__CONTAINER(job, struct saving, job);
    int fd = open_to_write(saving->path);
    if (fd < 0)
        return fd;
    int rc = bide__job_write(job, fd, saving->data, saving->len);
    return first_error(rc, close_fd(fd));
}

/* ── By a temporary file ──────────────────────────────────────────────── */

static int create(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return fd < 0 ? -errno : fd;
}

/* The new file looks like the old one. Returns 0 where there is no old one. */
static int keep_permissions(const char *path, int fd)
{
    struct stat status;
    if (lstat(path, &status) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    if (S_ISREG(status.st_mode) && fchmod(fd, status.st_mode & 07777) < 0)
        return -errno;
    return 0;
}

static int fill_and_rename(struct saving *saving, int fd, const char *temporary)
{
    int rc = keep_permissions(saving->path, fd);
    if (rc == 0)
        rc = bide__job_write(&saving->job, fd, saving->data, saving->len);
    if (rc == 0 && fsync(fd) < 0)
        rc = -errno;
    rc = first_error(rc, close_fd(fd));
    if (rc == 0 && bide__job_stopped(&saving->job))
        rc = -ECANCELED;
    if (rc == 0 && rename(temporary, saving->path) < 0)
        rc = -errno;
    if (rc < 0)
        unlink(temporary);
    return rc;
}

/* A renaming is on the disk when its directory is. Not every file system
 * knows how to do that, and those need not. */
static int sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
    close(fd);
    return rc;
}

static int write_atomically(struct bide__job *job)
{
    struct saving *saving = BIDE__CONTAINER(job, struct saving, job);
    char path[PATH_MAX + BIDE__UNIQUE_MAX];
    const char *slash = strrchr(saving->path, '/');
    size_t len = slash ? (size_t)(slash + 1 - saving->path) : 0;
    if (len >= PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(path, saving->path, len);
    int fd = bide__make_unique(path, len, create);
    if (fd < 0)
        return fd;
    int rc = fill_and_rename(saving, fd, path);
    if (rc < 0)
        return rc;
    path[len] = '\0';
    return sync_directory(len > 0 ? path : ".");
}

/* ── Public interface ─────────────────────────────────────────────────── */

static int save(struct saving *saving, const struct bide__wait *wait)
{
    bide_task *self = bide__enter(wait->name);
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    int rc = bide__job_run(self, &saving->job, wait);
    return rc < 0 && rc != -ECANCELED
               ? bide__raise_path(rc, "writing", saving->path)
               : rc;
}

int bide_write_file(const char *path, const void *data, size_t len)
{
    static const struct bide__wait wait = {
        .name = "bide_write_file",
        .cancel = bide__job_cancel,
    };
    struct saving saving = {
        .job.fn = write_in_place,
        .path = path,
        .data = data,
        .len = len,
    };
    return save(&saving, &wait);
}

int bide_write_file_atomic(const char *path, const void *data, size_t len)
{
    static const struct bide__wait wait = {
        .name = "bide_write_file_atomic",
        .cancel = bide__job_cancel,
    };
    struct saving saving = {
        .job.fn = write_atomically,
        .path = path,
        .data = data,
        .len = len,
    };
    return save(&saving, &wait);
}
