/* SPDX-License-Identifier: MIT */
/*
 * temporary.c — files without a name and directories under a name of their
 * own.
 *
 * Only the owner may read them. A temporary file never has a name where the
 * file system can do that (O_TMPFILE); elsewhere it loses it at once.
 */
#include <bide/path.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file/file.h"

struct temporary {
    struct bide__job job;
    const char *parent;
    char *buf;
    size_t size;
};

static const char *parent_or_default(const char *parent)
{
    if (!parent)
        parent = getenv("TMPDIR");
    return parent && *parent ? parent : "/tmp";
}

/* The parent and a slash; a negative code if no name would fit behind. */
static ssize_t begin_path(const char *parent, char *buf, size_t size)
{
    size_t len = strlen(parent);
    if (len + 1 + BIDE__UNIQUE_MAX > size)
        return -ENAMETOOLONG;
    memcpy(buf, parent, len);
    if (buf[len - 1] != '/')
        buf[len++] = '/';
    return (ssize_t)len;
}

static int run(struct temporary *temporary, const char *what,
               const struct bide__wait *wait)
{
    bide_task *self = bide__enter(wait->name);
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    int rc = bide__job_run(self, &temporary->job, wait);
    return rc < 0 && rc != -ECANCELED
               ? bide__raise_path(rc, what, temporary->parent)
               : rc;
}

/* ── Files ────────────────────────────────────────────────────────────── */

static int create(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

static int create_and_unlink(const char *parent)
{
    char path[PATH_MAX];
    ssize_t len = begin_path(parent, path, sizeof path);
    int fd = len < 0 ? (int)len : bide__make_unique(path, (size_t)len, create);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static int file_job(struct bide__job *job)
{
    struct temporary *temporary = BIDE__CONTAINER(job, struct temporary, job);
    int fd = open(temporary->parent, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    return errno == EOPNOTSUPP ? create_and_unlink(temporary->parent) : -errno;
}

int bide_temporary_file(const char *directory, bide_file **ret_file)
{
    static const struct bide__wait wait = {
        .name = "bide_temporary_file",
        .cancel = bide__job_cancel,
    };
    struct temporary temporary = {
        .job.fn = file_job,
        .parent = parent_or_default(directory),
    };
    int fd = run(&temporary, "making a temporary file in", &wait);
    if (fd < 0)
        return fd;
    return bide__file_new(bide_current_task(), fd, O_RDWR, ret_file);
}

/* ── Directories ──────────────────────────────────────────────────────── */

static int make_directory(const char *path)
{
    return mkdir(path, 0700) < 0 ? -errno : 0;
}

static int directory_job(struct bide__job *job)
{
    struct temporary *temporary = BIDE__CONTAINER(job, struct temporary, job);
    ssize_t len =
        begin_path(temporary->parent, temporary->buf, temporary->size);
    if (len < 0)
        return (int)len;
    return bide__make_unique(temporary->buf, (size_t)len, make_directory);
}

int bide_temporary_directory(const char *parent, char *buf, size_t size)
{
    static const struct bide__wait wait = {
        .name = "bide_temporary_directory",
        .cancel = bide__job_cancel,
    };
    struct temporary temporary = {
        .job.fn = directory_job,
        .parent = parent_or_default(parent),
        .buf = buf,
        .size = size,
    };
    return run(&temporary, "making a temporary directory in", &wait);
}
