/* SPDX-License-Identifier: MIT */
/*
 * scandir.c — listing a directory.
 *
 * A job reads as many entries as a buffer holds, and finds out what they are
 * where the file system does not tell; they are then handed out one by one
 * without leaving the task's stack.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file/scandir.h"

#define BUFFER 16384

struct listing_job {
    struct bide__job job;
    bide_scandir *scandir;
    int parent;
    int flags;
    const char *name; /* NULL: the directory is open */
};

/* ── On the thread ────────────────────────────────────────────────────── */

static unsigned char find_type(int fd, const char *name)
{
    struct stat status;
    if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return DT_UNKNOWN;
    return (unsigned char)IFTODT(status.st_mode);
}

static int listing_job(struct bide__job *job)
{
    struct listing_job *listing =
        BIDE__CONTAINER(job, struct listing_job, job);
    bide_scandir *scandir = listing->scandir;
    if (listing->name) {
        scandir->fd = openat(listing->parent, listing->name,
                             O_RDONLY | O_DIRECTORY | O_CLOEXEC |
                                 listing->flags);
        if (scandir->fd < 0)
            return -errno;
    }
    ssize_t len = getdents64(scandir->fd, scandir->data, BUFFER);
    if (len < 0)
        return -errno;
    scandir->at = 0;
    scandir->len = (size_t)len;
    for (size_t at = 0; at < scandir->len;) {
        struct dirent64 *entry = (void *)(scandir->data + at);
        if (entry->d_type == DT_UNKNOWN)
            entry->d_type = find_type(scandir->fd, entry->d_name);
        at += entry->d_reclen;
    }
    return 0;
}

/* ── In the task ──────────────────────────────────────────────────────── */

int bide__scandir_begin(bide_task *self, bide_scandir *scandir, int parent,
                        const char *name, int flags,
                        const struct bide__wait *wait)
{
    *scandir = (bide_scandir){.fd = -1, .data = bide__malloc(BUFFER)};
    if (!scandir->data)
        return -ENOMEM;
    struct listing_job listing = {
        .job.fn = listing_job,
        .scandir = scandir,
        .parent = parent,
        .flags = flags,
        .name = name,
    };
    int rc = bide__job_run(self, &listing.job, wait);
    if (rc < 0)
        bide_scandir_close(scandir);
    return rc;
}

static int read_more(bide_task *self, bide_scandir *scandir,
                     const struct bide__wait *wait)
{
    struct listing_job listing = {.job.fn = listing_job, .scandir = scandir};
    return bide__job_run(self, &listing.job, wait);
}

static enum bide_entry_type type_of(const struct dirent64 *entry)
{
    switch (entry->d_type) {
    case DT_REG:
        return BIDE_ENTRY_FILE;
    case DT_DIR:
        return BIDE_ENTRY_DIRECTORY;
    case DT_LNK:
        return BIDE_ENTRY_SYMLINK;
    default:
        return BIDE_ENTRY_OTHER;
    }
}

static bool is_dots(const char *name)
{
    return name[0] == '.' &&
           (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

int bide__scandir_take(bide_task *self, bide_scandir *scandir,
                       bide_entry *ret_entry, const struct bide__wait *wait)
{
    bide__op_yield(self);
    for (;;) {
        if (scandir->at == scandir->len) {
            int rc = scandir->len > 0 ? read_more(self, scandir, wait) : 0;
            if (rc < 0 || scandir->len == 0)
                return rc;
        }
        const struct dirent64 *entry =
            (const void *)(scandir->data + scandir->at);
        scandir->at += entry->d_reclen;
        if (is_dots(entry->d_name))
            continue;
        *ret_entry = (bide_entry){
            .name = entry->d_name,
            .path = entry->d_name,
            .inode = entry->d_ino,
            .type = type_of(entry),
        };
        return 1;
    }
}

/* ── Public interface ─────────────────────────────────────────────────── */

static const struct bide__wait scandir_wait = {
    .name = "bide_scandir_next",
    .cancel = bide__job_cancel,
};

int bide_scandir_open(bide_scandir *scandir, const char *path)
{
    bide_task *self = bide__enter("bide_scandir_open");
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    int rc = bide__scandir_begin(self, scandir, AT_FDCWD, path, 0,
                                 &scandir_wait);
    return rc < 0 && rc != -ECANCELED ? bide__raise_path(rc, "listing", path)
                                      : rc;
}

int bide_scandir_next(bide_scandir *scandir, bide_entry *ret_entry)
{
    bide_task *self = bide__enter("bide_scandir_next");
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    return bide__scandir_take(self, scandir, ret_entry, &scandir_wait);
}

void bide_scandir_close(bide_scandir *scandir)
{
    if (scandir->fd >= 0)
        close(scandir->fd);
    bide__free(scandir->data);
    *scandir = (bide_scandir){.fd = -1};
}
