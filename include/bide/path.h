/* SPDX-License-Identifier: MIT */
/*
 * <bide/path.h> — names in the file system: look at them, change them, list
 * directories.
 *
 *     bide_walk walk;
 *     int rc = bide_walk_open(&walk, "src", NULL);
 *     if (rc < 0)
 *         return rc;
 *     bide_entry entry;
 *     while ((rc = bide_walk_next(&walk, &entry)) > 0)
 *         puts(entry.path);
 *     bide_walk_close(&walk);
 *     return rc;
 *
 * The kernel has no way to do most of this without a thread waiting, so one
 * of the loop's threads for files does. A call that has begun there cannot be
 * stopped: a task that is cancelled meanwhile waits for its end, and where it
 * succeeded the success is returned and the cancellation delivered at the
 * next call.
 *
 * Error messages name the path.
 */
#ifndef BIDE_PATH_H
#define BIDE_PATH_H

#include <bide/task.h>

struct stat;

BIDE_BEGIN

/* Directories within each other that walking and removing go down. */
#define BIDE_DEPTH_MAX 128

/* ── Looking ──────────────────────────────────────────────────────────── */

/*
 * bide_stat — size, kind, times and permissions of what a path leads to.
 *
 * Returns:  0 or a negative code.
 *   path         borrowed during the call
 *   ret_status   filled on success
 * Suspends: always a cancellation point.
 * Cancel:   safe.
 * Errors:   -ENOENT, -EACCES, -ENOTDIR, -ELOOP and those of stat(2)
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     aiofiles.os.stat.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_stat(const char *path,
                                                    struct stat *ret_status);

/*
 * bide_lstat — the same for a symbolic link itself.
 *
 * Returns:  0 or a negative code.
 *   path         borrowed during the call
 *   ret_status   filled on success
 * Suspends: always a cancellation point.
 * Cancel:   safe.
 * Errors:   as bide_stat()
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     os.lstat.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_lstat(const char *path,
                                                     struct stat *ret_status);

/*
 * bide_readlink — where a symbolic link points.
 *
 * Returns:  the number of bytes, the NUL that is added not counted; or a
 *           negative code.
 *   path        borrowed during the call
 *   buf, size   the caller's memory
 * Suspends: always a cancellation point.
 * Cancel:   safe.
 * Errors:   -EINVAL for what is no symbolic link; -ENAMETOOLONG if it does
 *           not fit into buf; -ENOENT and those of readlink(2)
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     aiofiles.os.readlink.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t bide_readlink(const char *path,
                                                            char *buf,
                                                            size_t size);

/* ── Changing ─────────────────────────────────────────────────────────── */

/*
 * bide_rename — give a file or directory another name, replacing what has it.
 *
 * Returns:  0 or a negative code.
 *   from, to   on one file system; borrowed during the call
 * Suspends: always a cancellation point.
 * Cancel:   after -ECANCELED nothing was changed.
 * Errors:   -ENOENT, -EXDEV, -EISDIR, -ENOTEMPTY, -EACCES and those of
 *           rename(2)
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     aiofiles.os.replace.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_rename(const char *from,
                                                      const char *to);

/*
 * bide_unlink — remove a file's name, and the file with its last one.
 *
 * Returns:  0 or a negative code.
 *   path   borrowed during the call
 * Suspends: always a cancellation point.
 * Cancel:   after -ECANCELED nothing was changed.
 * Errors:   -ENOENT, -EISDIR, -EACCES, -EPERM and those of unlink(2)
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     aiofiles.os.remove.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_unlink(const char *path);

/*
 * bide_symlink — make a symbolic link.
 *
 * Returns:  0 or a negative code.
 *   target   what it points to, which need not exist; borrowed
 *   path     of the link; borrowed during the call
 * Suspends: always a cancellation point.
 * Cancel:   after -ECANCELED nothing was changed.
 * Errors:   -EEXIST, -ENOENT, -EACCES and those of symlink(2)
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     aiofiles.os.symlink.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_symlink(const char *target,
                                                       const char *path);

/*
 * bide_mkdir — make a directory.
 *
 * Returns:  0 or a negative code.
 *   path          borrowed during the call
 *   permissions   less the umask; 0777 as a rule
 * Suspends: always a cancellation point.
 * Cancel:   after -ECANCELED nothing was changed.
 * Errors:   -EEXIST, -ENOENT, -EACCES and those of mkdir(2)
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     aiofiles.os.mkdir.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_mkdir(const char *path,
                                                     unsigned permissions);

/*
 * bide_makedirs — make a directory and those above it that are missing.
 *
 * Returns:  0, also if it was there; or a negative code.
 *   path          borrowed during the call
 *   permissions   of each new one, less the umask
 * Suspends: always a cancellation point.
 * Cancel:   some of them may have been made.
 * Errors:   -ENOTDIR, -EEXIST where something else has the name; -EACCES and
 *           those of mkdir(2)
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     aiofiles.os.makedirs(exist_ok=True).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_makedirs(const char *path,
                                                        unsigned permissions);

/*
 * bide_rmdir — remove an empty directory.
 *
 * Returns:  0 or a negative code.
 *   path   borrowed during the call
 * Suspends: always a cancellation point.
 * Cancel:   after -ECANCELED nothing was changed.
 * Errors:   -ENOTEMPTY, -ENOENT, -ENOTDIR, -EBUSY and those of rmdir(2)
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     aiofiles.os.rmdir.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_rmdir(const char *path);

/*
 * bide_remove_tree — remove a directory with everything in it.
 *
 * Symbolic links are removed, never followed, even if someone puts one in
 * place meanwhile. The first error ends it.
 *
 * Returns:  0 or a negative code.
 *   path   a directory; borrowed during the call
 * Suspends: always a cancellation point.
 * Cancel:   a part may have been removed.
 * Errors:   -ENOENT, -ENOTDIR, -EACCES, -EBUSY with a message that names what
 *           could not be removed; -ELOOP below BIDE_DEPTH_MAX directories
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     shutil.rmtree.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_remove_tree(const char *path);

/*
 * bide_temporary_directory — make a directory under a name of its own.
 *
 * Returns:  0 or a negative code.
 *   parent      where; NULL: $TMPDIR, or /tmp
 *   buf, size   the caller's memory for the path, NUL-terminated
 * Suspends: always a cancellation point.
 * Cancel:   after -ECANCELED nothing was made.
 * Errors:   -ENAMETOOLONG if the path does not fit into buf; -ENOENT,
 *           -EACCES, -ENOSPC and those of mkdir(2)
 * Owns:     the caller removes it, by bide_remove_tree() as a rule.
 * Thread:   the loop's.
 * Like:     aiofiles.tempfile.TemporaryDirectory, without the removal.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_temporary_directory(const char *parent, char *buf, size_t size);

/* ── Listing ──────────────────────────────────────────────────────────── */

/* What an entry of a directory is; a symbolic link is one, whatever it points
 * to. */
enum bide_entry_type {
    BIDE_ENTRY_FILE = 1,
    BIDE_ENTRY_DIRECTORY = 2,
    BIDE_ENTRY_SYMLINK = 3,
    BIDE_ENTRY_OTHER = 4 /* pipe, socket, device */
};

/* An entry. The texts are borrowed until the next call on the listing. */
typedef struct bide_entry {
    const char *name;
    const char *path;          /* walking: with the path that was given;
                                  listing: the same as name */
    uint64_t inode;
    enum bide_entry_type type;
    unsigned depth;            /* walking: 0 in the directory that was given */
} bide_entry;

/* A directory being listed. In the caller's frame; fields private. */
typedef struct bide_scandir {
    char *data;
    size_t at, len;
    size_t path_len;
    int fd;
} bide_scandir;

/*
 * bide_scandir_open — begin to list a directory.
 *
 * Returns:  0 or a negative code.
 *   scandir   the caller's memory; set on success
 *   path      borrowed during the call
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing is open.
 * Errors:   -ENOENT, -ENOTDIR, -EACCES, -EMFILE; -ENOMEM
 * Owns:     the caller ends the listing by bide_scandir_close(), or leaks a
 *           descriptor.
 * Thread:   the loop's.
 * Like:     aiofiles.os.scandir.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_scandir_open(bide_scandir *scandir, const char *path);

/*
 * bide_scandir_next — the next entry, in no order; "." and ".." are left out.
 *
 * Returns:  1 with an entry, 0 at the end, or a negative code.
 *   ret_entry   filled when 1 is returned
 * Suspends: always a cancellation point.
 * Cancel:   safe; the next call goes on.
 * Errors:   those of getdents64(2)
 * Owns:     nothing moves.
 * Thread:   the loop's. One task at a time.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_scandir_next(bide_scandir *scandir, bide_entry *ret_entry);

/*
 * bide_scandir_close — end a listing.
 *
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API void bide_scandir_close(bide_scandir *scandir);

/* ── Walking ──────────────────────────────────────────────────────────── */

/* How to walk. Zeroed means: the defaults. */
typedef struct bide_walk_options {
    unsigned depth_max; /* directories below the given one to go down into,
                           0: BIDE_DEPTH_MAX; at most that */
    bool stop_there;    /* leave what lies deeper out, instead of -ELOOP */
    void *reserved[4];  /* zero */
} bide_walk_options;

/* A tree being walked. In the caller's frame; fields private. */
typedef struct bide_walk {
    bide_scandir *levels; /* directories that are open, outermost first */
    unsigned count;
    unsigned cap;
    unsigned depth_max;
    bool stop_there;
    bool descend;     /* the last entry was a directory */
    char *path;       /* of the last entry */
    size_t path_cap;
    size_t name_at;   /* in path */
} bide_walk;

/*
 * bide_walk_open — begin to list a directory and all below it.
 *
 * Returns:  0 or a negative code.
 *   walk      the caller's memory; set on success
 *   path      borrowed during the call
 *   options   copied; NULL means the defaults
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing is open.
 * Errors:   as bide_scandir_open(); -EINVAL for depth_max
 * Owns:     the caller ends the walk by bide_walk_close(), or leaks
 *           descriptors and memory.
 * Thread:   the loop's.
 * Like:     os.walk, pathlib.Path.rglob.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_walk_open(bide_walk *walk, const char *path,
               const bide_walk_options *options);

/*
 * bide_walk_next — the next entry: a directory comes before what is in it.
 *
 * Symbolic links are listed and not followed. A descriptor is open for each
 * directory from the given one down to the entry's.
 *
 * Returns:  1 with an entry, 0 at the end, or a negative code: the next call
 *           then goes on after the directory that could not be read.
 *   ret_entry   filled when 1 is returned
 * Suspends: always a cancellation point.
 * Cancel:   safe; the next call goes on.
 * Errors:   -EACCES and those of open(2) and getdents64(2), with a message
 *           that names the directory; one that was removed since it was
 *           listed is no error; -ELOOP for a directory deeper than depth_max;
 *           -EMFILE; -ENAMETOOLONG; -ENOMEM
 * Owns:     nothing moves.
 * Thread:   the loop's. One task at a time.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_walk_next(bide_walk *walk,
                                                         bide_entry *ret_entry);

/*
 * bide_walk_skip — leave out what is in the directory that was just listed.
 *
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     removing from os.walk's dirnames.
 */
BIDE_API void bide_walk_skip(bide_walk *walk);

/*
 * bide_walk_close — end a walk.
 *
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API void bide_walk_close(bide_walk *walk);

BIDE_END

#endif
