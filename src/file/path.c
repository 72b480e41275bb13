/* SPDX-License-Identifier: MIT */
/*
 * path.c — calls that take a path: each is one system call on a thread.
 */
#include <bide/path.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "file/file.h"

/* ── Looking ──────────────────────────────────────────────────────────── */

static struct timespec time_of(struct statx_timestamp time)
{
    return (struct timespec){.tv_sec = time.tv_sec, .tv_nsec = time.tv_nsec};
}

void bide__stat_convert(const struct statx *from, struct stat *to)
{
    *to = (struct stat){
        .st_dev = makedev(from->stx_dev_major, from->stx_dev_minor),
        .st_ino = from->stx_ino,
        .st_mode = from->stx_mode,
        .st_nlink = from->stx_nlink,
        .st_uid = from->stx_uid,
        .st_gid = from->stx_gid,
        .st_rdev = makedev(from->stx_rdev_major, from->stx_rdev_minor),
        .st_size = (off_t)from->stx_size,
        .st_blksize = (blksize_t)from->stx_blksize,
        .st_blocks = (blkcnt_t)from->stx_blocks,
        .st_atim = time_of(from->stx_atime),
        .st_mtim = time_of(from->stx_mtime),
        .st_ctim = time_of(from->stx_ctime),
    };
}

static int stat_path(const char *path, unsigned flags, struct stat *ret_status,
                     const struct bide__wait *wait)
{
    bide_task *self = bide__enter(wait->name);
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    struct statx status;
    bide_op op;
    bide_op_statx(&op, path, flags, STATX_BASIC_STATS, &status);
    int rc = (int)bide__op_await(self, &op, wait);
    if (rc < 0)
        return rc == -ECANCELED ? rc
                                : bide__raise_path(rc, "looking at", path);
    bide__stat_convert(&status, ret_status);
    return 0;
}

int bide_stat(const char *path, struct stat *ret_status)
{
    static const struct bide__wait wait = {
        .name = "bide_stat",
        .cancel = bide__op_wait_cancel,
    };
    return stat_path(path, 0, ret_status, &wait);
}

int bide_lstat(const char *path, struct stat *ret_status)
{
    static const struct bide__wait wait = {
        .name = "bide_lstat",
        .cancel = bide__op_wait_cancel,
    };
    return stat_path(path, AT_SYMLINK_NOFOLLOW, ret_status, &wait);
}

/* ── Jobs with paths ──────────────────────────────────────────────────── */

struct path_job {
    struct bide__job job;
    const char *path;
    const char *other;
    char *buf;
    size_t size;
    mode_t permissions;
};

static struct path_job *of(struct bide__job *job)
{
    return BIDE__CONTAINER(job, struct path_job, job);
}

static int result(int rc)
{
    return rc < 0 ? -errno : rc;
}

static int run(struct path_job *job, int (*fn)(struct bide__job *job),
               const char *what, const struct bide__wait *wait)
{
    bide_task *self = bide__enter(wait->name);
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    job->job.fn = fn;
    int rc = bide__job_run(self, &job->job, wait);
    return rc < 0 && rc != -ECANCELED ? bide__raise_path(rc, what, job->path)
                                      : rc;
}

static int readlink_job(struct bide__job *job)
{
    ssize_t len = readlink(of(job)->path, of(job)->buf, of(job)->size);
    if (len >= 0 && (size_t)len == of(job)->size)
        return -ENAMETOOLONG; /* it may have been cut */
    if (len >= 0)
        of(job)->buf[len] = '\0';
    return result((int)len);
}

ssize_t bide_readlink(const char *path, char *buf, size_t size)
{
    static const struct bide__wait wait = {
        .name = "bide_readlink",
        .cancel = bide__job_cancel,
    };
    if (size < 1)
        return bide_raise(-ENAMETOOLONG, "size is 0 bytes, must be 1 or more");
    struct path_job job = {.path = path, .buf = buf, .size = size};
    return run(&job, readlink_job, "reading link", &wait);
}

static int rename_job(struct bide__job *job)
{
    return result(rename(of(job)->path, of(job)->other));
}

int bide_rename(const char *from, const char *to)
{
    static const struct bide__wait wait = {
        .name = "bide_rename",
        .cancel = bide__job_cancel,
    };
    struct path_job job = {.path = from, .other = to};
    return run(&job, rename_job, "renaming", &wait);
}

static int unlink_job(struct bide__job *job)
{
    return result(unlink(of(job)->path));
}

int bide_unlink(const char *path)
{
    static const struct bide__wait wait = {
        .name = "bide_unlink",
        .cancel = bide__job_cancel,
    };
    struct path_job job = {.path = path};
    return run(&job, unlink_job, "removing", &wait);
}

static int symlink_job(struct bide__job *job)
{
    return result(symlink(of(job)->other, of(job)->path));
}

int bide_symlink(const char *target, const char *path)
{
    static const struct bide__wait wait = {
        .name = "bide_symlink",
        .cancel = bide__job_cancel,
    };
    struct path_job job = {.path = path, .other = target};
    return run(&job, symlink_job, "making link", &wait);
}

static int mkdir_job(struct bide__job *job)
{
    return result(mkdir(of(job)->path, of(job)->permissions));
}

int bide_mkdir(const char *path, unsigned permissions)
{
    static const struct bide__wait wait = {
        .name = "bide_mkdir",
        .cancel = bide__job_cancel,
    };
    struct path_job job = {.path = path, .permissions = permissions};
    return run(&job, mkdir_job, "making directory", &wait);
}

static int rmdir_job(struct bide__job *job)
{
    return result(rmdir(of(job)->path));
}

int bide_rmdir(const char *path)
{
    static const struct bide__wait wait = {
        .name = "bide_rmdir",
        .cancel = bide__job_cancel,
    };
    struct path_job job = {.path = path};
    return run(&job, rmdir_job, "removing directory", &wait);
}
