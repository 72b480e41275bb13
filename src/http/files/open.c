/* SPDX-License-Identifier: MIT */
/*
 * open.c — opening a file, and not what lies outside of its root.
 *
 * What the kernel has in its cache of names is opened at once; for the rest a
 * thread waits for the disk. openat2(2) keeps the path below the root, even
 * when directories are moved meanwhile. Where it is not there (before Linux
 * 5.6, or refused by a filter), each directory is opened in its parent, and
 * symbolic links are not followed.
 *
 * O_NONBLOCK keeps a FIFO from waiting for its writer; it is refused later.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bide/executor.h>

#include "http/files/files.h"

#define FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
#define RACES_MAX 8 /* a rename at the same time makes the kernel refuse */

struct opening {
    int root; /* -1: none */
    const char *path;
};

/* ── By openat2(2) ────────────────────────────────────────────────────── */

static int open_by_kernel(const struct opening *opening, unsigned resolve)
{
    struct open_how how = {.flags = FLAGS, .resolve = resolve};
    int root = opening->root;
    if (root >= 0)
        how.resolve |= RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    long fd = syscall(SYS_openat2, root >= 0 ? root : AT_FDCWD, opening->path,
                      &how, sizeof how);
    return fd < 0 ? -errno : (int)fd;
}

static bool is_missing(int rc)
{
    return rc == -ENOSYS || rc == -EPERM || rc == -E2BIG;
}

/* ── Step by step ─────────────────────────────────────────────────────── */

/* Opens one name of a path in a directory, which it closes unless it is the
 * root. */
static int open_step(const struct opening *opening, int parent,
                     const char *name, bool last)
{
    int flags = O_NOFOLLOW |
                (last ? FLAGS : O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = openat(parent, name, flags);
    int error = errno;
    if (parent != opening->root)
        close(parent);
    return fd < 0 ? -error : fd;
}

static int open_by_steps(const struct opening *opening)
{
    char name[256];
    int fd = opening->root;
    const char *at = opening->path;
    if (fd < 0) {
        fd = openat(AT_FDCWD, at, FLAGS);
        return fd < 0 ? -errno : fd;
    }
    if (!*at)
        return -ENOENT;
    while (*at) {
        size_t len = strcspn(at, "/");
        const char *next = at + len + strspn(at + len, "/");
        bool leads_out = len == 0 || (len == 2 && memcmp(at, "..", 2) == 0);
        if (leads_out || len >= sizeof name) {
            if (fd != opening->root)
                close(fd);
            return leads_out ? -EXDEV : -ENAMETOOLONG;
        }
        memcpy(name, at, len);
        name[len] = '\0';
        fd = open_step(opening, fd, name, !*next);
        if (fd < 0)
            return fd;
        at = next;
    }
    return fd;
}

/* ── Both ─────────────────────────────────────────────────────────────── */

static int open_on_thread(void *arg)
{
    const struct opening *opening = arg;
    int rc = -EAGAIN;
    for (int i = 0; rc == -EAGAIN && i < RACES_MAX; i++)
        rc = open_by_kernel(opening, 0);
    return is_missing(rc) ? open_by_steps(opening) : rc;
}

int bide__http_open(int root, const char *path)
{
    struct opening opening = {root, path};
    int rc = open_by_kernel(&opening, RESOLVE_CACHED);
    if (rc == -EAGAIN || rc == -EINVAL || is_missing(rc))
        rc = bide_to_thread(open_on_thread, &opening);
    if (rc >= 0 || rc == -ECANCELED)
        return rc;
    return bide_raise(rc, "opening '%.100s': %s", path, bide_strerror(rc));
}
