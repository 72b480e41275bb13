/* SPDX-License-Identifier: MIT */
/*
 * <bide/watch.h> — being told of changes to files and directories.
 *
 *     bide_watch *watch;
 *     int rc = bide_watch_open(&watch);
 *     if (rc == 0)
 *         rc = bide_watch_add(watch, "inbox", BIDE_WATCH_WRITTEN);
 *     bide_watch_event event;
 *     while (rc == 0 && (rc = bide_watch_next(watch, &event)) == 0)
 *         printf("%s/%s\n", event.path, event.name);
 *     bide_watch_close(watch);
 *
 * Changes to the entries of a directory are reported for the directory that
 * is watched, not for those within it: to watch a tree, walk it and add each
 * directory (bide_walk_next()), and those that are created later.
 */
#ifndef BIDE_WATCH_H
#define BIDE_WATCH_H

#include <bide/task.h>

BIDE_BEGIN

typedef struct bide_watch bide_watch;

/* What can be asked for; combined by |. */
enum bide_watch_change {
    BIDE_WATCH_MODIFIED = 0x2,   /* bytes were written, or it was truncated */
    BIDE_WATCH_ATTRIBUTES = 0x4, /* permissions, times, owner, links */
    BIDE_WATCH_WRITTEN = 0x8,    /* closed by someone who could write */
    BIDE_WATCH_MOVED_FROM = 0x40,
    BIDE_WATCH_MOVED_TO = 0x80,
    BIDE_WATCH_MOVED = 0xc0,     /* both */
    BIDE_WATCH_CREATED = 0x100,
    BIDE_WATCH_DELETED = 0x200,
    BIDE_WATCH_ALL = 0x3ce,      /* all of these */

    /* Reported unasked. */
    BIDE_WATCH_OVERFLOW = 0x4000, /* events were lost: look for yourself */
    BIDE_WATCH_GONE = 0x8000      /* the path is watched no more: it was
                                     deleted or unmounted */
};

/* A change. The texts are borrowed until the next call. */
typedef struct bide_watch_event {
    const char *path;  /* as it was added; "" with BIDE_WATCH_OVERFLOW */
    const char *name;  /* of the entry in that directory; "": path itself */
    uint32_t change;   /* one of enum bide_watch_change */
    uint32_t cookie;   /* the same in MOVED_FROM and its MOVED_TO, else 0 */
    bool directory;    /* the entry is one */
} bide_watch_event;

/*
 * bide_watch_open — begin to watch; nothing yet.
 *
 * Returns:  0 or a negative code.
 *   ret_watch   set on success
 * Suspends: never.
 * Errors:   -EMFILE, with a message that names the limit; -ENOMEM
 * Owns:     the caller closes it by bide_watch_close(); what is left open is
 *           closed at the loop's end.
 * Thread:   the loop's.
 * Source:   inotify(7).
 */
BIDE_API BIDE_NODISCARD int bide_watch_open(bide_watch **ret_watch);

/*
 * bide_watch_add — watch a path, or change what is watched of it.
 *
 * Returns:  0 or a negative code.
 *   path      a file or directory; copied
 *   changes   of enum bide_watch_change, at least one
 * Suspends: always a cancellation point.
 * Cancel:   after -ECANCELED it is not watched.
 * Errors:   -ENOENT, -EACCES; -ENOSPC beyond fs.inotify.max_user_watches, all
 *           with a message; -EINVAL for changes; -EBADF it was closed
 *           meanwhile; -ENOMEM
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Source:   inotify_add_watch(2).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_watch_add(bide_watch *watch, const char *path, uint32_t changes);

/*
 * bide_watch_remove — stop watching a path; no BIDE_WATCH_GONE will follow.
 *
 * Returns:  0, or -ENOENT for a path that is not watched.
 *   path   as it was added
 * Suspends: never.
 * Errors:   -ENOENT, -EBADF
 * Thread:   the loop's.
 * Source:   inotify_rm_watch(2).
 */
BIDE_API BIDE_NODISCARD int bide_watch_remove(bide_watch *watch,
                                              const char *path);

/*
 * bide_watch_next — wait for the next change.
 *
 * Events come in order; equal ones that follow each other may come as one.
 * Where the program is too slow and the kernel had to drop some,
 * BIDE_WATCH_OVERFLOW tells of it, and events go on after it.
 *
 * Returns:  0 or a negative code.
 *   ret_event   filled on success
 * Suspends: always a cancellation point.
 * Cancel:   safe; no event is lost.
 * Errors:   -ECANCELED; -EBADF it was closed meanwhile
 * Owns:     nothing moves.
 * Thread:   the loop's. One task at a time.
 * Source:   inotify(7).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_watch_next(bide_watch *watch, bide_watch_event *ret_event);

/*
 * bide_watch_close — stop watching and release.
 *
 * A task that waits for an event gets -EBADF.
 *
 *   watch   NULL is allowed
 * Suspends: never.
 * Owns:     takes it.
 * Thread:   the loop's.
 */
BIDE_API void bide_watch_close(bide_watch *watch);

BIDE_END

#endif
