/* SPDX-License-Identifier: MIT */
/*
 * tree.c — directories within directories: making and removing them.
 *
 * Removing goes down by descriptors and never by paths, so that nobody can
 * lead it elsewhere by putting a symbolic link in a directory's place. One
 * descriptor is open for each level, and the levels are bounded.
 */
#include <bide/path.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file/file.h"

struct tree_job {
    struct bide__job job;
    const char *path;
    mode_t permissions;
    char culprit[NAME_MAX + 1]; /* what could not be removed */
};

static int run(struct tree_job *job, const struct bide__wait *wait)
{
    bide_task *self = bide__enter(wait->name);
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    return bide__job_run(self, &job->job, wait);
}

/* ── Making ───────────────────────────────────────────────────────────── */

static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* Each prefix that ends before a slash, then the whole; what is there already
 * is fine, if it is a directory. */
static int makedirs_job(struct bide__job *job)
{
    struct tree_job *tree = BIDE__CONTAINER(job, struct tree_job, job);
    char path[PATH_MAX];
    size_t len = strlen(tree->path);
    if (len >= sizeof path)
        return -ENAMETOOLONG;
    memcpy(path, tree->path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (tree->path[i] != '/' && i < len)
            continue;
        path[i] = '\0';
        if (mkdir(path, tree->permissions) < 0) {
            int error = errno;
            if (!is_directory(path))
                return -error;
        }
        path[i] = tree->path[i];
    }
    return len > 0 ? 0 : -ENOENT;
}

int bide_makedirs(const char *path, unsigned permissions)
{
    static const struct bide__wait wait = {
        .name = "bide_makedirs",
        .cancel = bide__job_cancel,
    };
    struct tree_job tree = {
        .job.fn = makedirs_job,
        .path = path,
        .permissions = permissions,
    };
    int rc = run(&tree, &wait);
    return rc < 0 && rc != -ECANCELED
               ? bide__raise_path(rc, "making directory", path)
               : rc;
}

/* ── Removing ─────────────────────────────────────────────────────────── */

static int blame(struct tree_job *tree, int code, const char *name)
{
    if (!tree->culprit[0])
        snprintf(tree->culprit, sizeof tree->culprit, "%s", name);
    return code;
}

static int remove_directory(struct tree_job *tree, int parent,
                            const char *name, int depth);

static bool is_dots(const char *name)
{
    return name[0] == '.' &&
           (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* What is not surely a directory is tried as none. Linux says EISDIR then,
 * POSIX EPERM. */
static int remove_entry(struct tree_job *tree, int parent,
                        const struct dirent *entry, int depth)
{
    if (entry->d_type != DT_DIR) {
        if (unlinkat(parent, entry->d_name, 0) == 0 || errno == ENOENT)
            return 0;
        if (entry->d_type != DT_UNKNOWN ||
            (errno != EISDIR && errno != EPERM))
            return blame(tree, -errno, entry->d_name);
    }
    return remove_directory(tree, parent, entry->d_name, depth + 1);
}

/* Remove what a directory lists. Returns how many there were. */
static int remove_listed(struct tree_job *tree, DIR *directory, int depth)
{
    int count = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (!entry)
            return errno ? -errno : count;
        if (is_dots(entry->d_name))
            continue;
        if (bide__job_stopped(&tree->job))
            return -ECANCELED;
        int rc = remove_entry(tree, dirfd(directory), entry, depth);
        if (rc < 0)
            return rc;
        count++;
    }
}

/* Again as long as something was found: a file system may skip entries when
 * others are removed. */
static int empty_directory(struct tree_job *tree, int fd, int depth)
{
    DIR *directory = fdopendir(fd);
    if (!directory) {
        close(fd);
        return -ENOMEM;
    }
    int rc;
    while ((rc = remove_listed(tree, directory, depth)) > 0)
        rewinddir(directory);
    closedir(directory);
    return rc;
}

static int remove_directory(struct tree_job *tree, int parent,
                            const char *name, int depth)
{
    if (depth > BIDE_DEPTH_MAX)
        return blame(tree, -ELOOP, name);
    int fd = openat(parent, name,
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return blame(tree, -errno, name);
    int rc = empty_directory(tree, fd, depth);
    if (rc < 0)
        return rc == -ECANCELED ? rc : blame(tree, rc, name);
    if (unlinkat(parent, name, AT_REMOVEDIR) < 0)
        return blame(tree, -errno, name);
    return 0;
}

static int remove_job(struct bide__job *job)
{
    struct tree_job *tree = BIDE__CONTAINER(job, struct tree_job, job);
    return remove_directory(tree, AT_FDCWD, tree->path, 0);
}

int bide_remove_tree(const char *path)
{
    static const struct bide__wait wait = {
        .name = "bide_remove_tree",
        .cancel = bide__job_cancel,
    };
    struct tree_job tree = {.job.fn = remove_job, .path = path};
    int rc = run(&tree, &wait);
    if (rc == -ELOOP)
        return bide_raise(rc, "removing '%.60s': '%.60s' lies deeper than %d "
                              "directories",
                          path, tree.culprit, BIDE_DEPTH_MAX);
    if (rc < 0 && rc != -ECANCELED)
        return bide_raise(rc, "removing '%.60s' of '%.60s': %s", tree.culprit,
                          path, bide_strerror(rc));
    return rc;
}
