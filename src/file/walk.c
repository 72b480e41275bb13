/* SPDX-License-Identifier: MIT */
/*
 * walk.c — listing a directory and all below it.
 *
 *     levels[0]  the given directory      path  given/a/b/name
 *     levels[1]  given/a                             ▲   ▲
 *     levels[2]  given/a/b                    path_len   name_at
 *
 * A directory is opened by its name within the one above, so the walk stays
 * in the tree whatever is renamed meanwhile. It is opened by the call after
 * the one that listed it: until then bide_walk_skip() can leave it out.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "file/scandir.h"

static const struct bide__wait walk_wait = {
    .name = "bide_walk_next",
    .cancel = bide__job_cancel,
};

/* ── The path ─────────────────────────────────────────────────────────── */

static int reserve_path(bide_walk *walk, size_t size)
{
    if (size <= walk->path_cap)
        return 0;
    if (size > (size_t)BIDE_DEPTH_MAX * (NAME_MAX + 1) + PATH_MAX)
        return -ENAMETOOLONG;
    size_t cap = walk->path_cap ? walk->path_cap : 256;
    while (cap < size)
        cap *= 2;
    char *path = bide__realloc(walk->path, cap);
    if (!path)
        return -ENOMEM;
    walk->path = path;
    walk->path_cap = cap;
    return 0;
}

/* Put a name behind the path of the innermost directory. */
static int append_name(bide_walk *walk, const char *name)
{
    size_t at = walk->levels[walk->count - 1].path_len;
    size_t len = strlen(name);
    int rc = reserve_path(walk, at + len + 2);
    if (rc < 0)
        return rc;
    if (at > 0 && walk->path[at - 1] != '/')
        walk->path[at++] = '/';
    memcpy(walk->path + at, name, len + 1);
    walk->name_at = at;
    return 0;
}

/* ── The levels ───────────────────────────────────────────────────────── */

static int reserve_level(bide_walk *walk)
{
    if (walk->count < walk->cap)
        return 0;
    unsigned cap = walk->cap ? 2 * walk->cap : 8;
    bide_scandir *levels = bide__realloc(walk->levels, cap * sizeof *levels);
    if (!levels)
        return -ENOMEM;
    walk->levels = levels;
    walk->cap = cap;
    return 0;
}

/* Go down into the directory whose name is at the end of the path. Returns 0
 * also where there is nothing to go down into. */
static int descend(bide_task *self, bide_walk *walk)
{
    walk->descend = false;
    if (walk->count > walk->depth_max) {
        if (walk->stop_there)
            return 0;
        return bide_raise(-ELOOP, "'%.100s' lies deeper than %u directories",
                          walk->path, walk->depth_max);
    }
    int rc = reserve_level(walk);
    if (rc == 0) {
        bide_scandir *level = &walk->levels[walk->count];
        rc = bide__scandir_begin(self, level, level[-1].fd,
                                 walk->path + walk->name_at, O_NOFOLLOW,
                                 &walk_wait);
    }
    if (rc == 0) {
        walk->levels[walk->count].path_len = strlen(walk->path);
        walk->count++;
    } else if (rc == -ECANCELED) {
        walk->descend = true; /* by the next call */
    } else if (rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP) {
        return 0; /* it is gone, or is no directory any more */
    } else {
        return bide__raise_path(rc, "listing", walk->path);
    }
    return rc;
}

static void leave_directory(bide_walk *walk)
{
    bide_scandir_close(&walk->levels[--walk->count]);
}

static int next_entry(bide_task *self, bide_walk *walk, bide_entry *ret_entry)
{
    while (walk->count > 0) {
        bide_scandir *level = &walk->levels[walk->count - 1];
        int rc = bide__scandir_take(self, level, ret_entry, &walk_wait);
        if (rc > 0)
            return rc;
        if (rc == -ECANCELED)
            return rc;
        if (rc < 0) {
            walk->path[level->path_len] = '\0';
            rc = bide__raise_path(rc, "listing", walk->path);
        }
        leave_directory(walk);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ── Public interface ─────────────────────────────────────────────────── */

static int open_root(bide_task *self, bide_walk *walk, const char *path)
{
    size_t len = strlen(path);
    int rc = reserve_path(walk, len + 1);
    if (rc == 0)
        rc = reserve_level(walk);
    if (rc == 0)
        rc = bide__scandir_begin(self, &walk->levels[0], AT_FDCWD, path, 0,
                                 &walk_wait);
    if (rc < 0)
        return rc;
    memcpy(walk->path, path, len + 1);
    walk->levels[0].path_len = len;
    walk->count = 1;
    return 0;
}

int bide_walk_open(bide_walk *walk, const char *path,
                   const bide_walk_options *options)
{
    static const bide_walk_options defaults;
    bide_task *self = bide__enter("bide_walk_open");
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    if (!options)
        options = &defaults;
    if (options->depth_max > BIDE_DEPTH_MAX)
        return bide_raise(-EINVAL, "depth_max is %u, at most %d",
                          options->depth_max, BIDE_DEPTH_MAX);
    *walk = (bide_walk){
        .depth_max = options->depth_max ? options->depth_max : BIDE_DEPTH_MAX,
        .stop_there = options->stop_there,
    };
    int rc = open_root(self, walk, path);
    if (rc == 0)
        return 0;
    bide_walk_close(walk);
    return rc == -ECANCELED ? rc : bide__raise_path(rc, "listing", path);
}

int bide_walk_next(bide_walk *walk, bide_entry *ret_entry)
{
    bide_task *self = bide__enter("bide_walk_next");
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    int rc = walk->descend ? descend(self, walk) : 0;
    if (rc < 0)
        return rc;
    rc = next_entry(self, walk, ret_entry);
    if (rc <= 0)
        return rc;
    rc = append_name(walk, ret_entry->name);
    if (rc < 0)
        return rc;
    ret_entry->path = walk->path;
    ret_entry->depth = walk->count - 1;
    walk->descend = ret_entry->type == BIDE_ENTRY_DIRECTORY;
    return 1;
}

void bide_walk_skip(bide_walk *walk)
{
    walk->descend = false;
}

void bide_walk_close(bide_walk *walk)
{
    while (walk->count > 0)
        leave_directory(walk);
    bide__free(walk->levels);
    bide__free(walk->path);
    *walk = (bide_walk){.count = 0};
}
