/* SPDX-License-Identifier: MIT */
/*
 * file.h — files from inside: handles, and the three ways in which the system
 * is asked.
 *
 *     at once       what cannot wait: data in the page cache, names in the
 *                   cache of names (now.c). Costs one system call and no
 *                   thread, on every backend alike
 *     operations    of the engine: open, read, write, fsync, close. In the
 *                   ring, or on a thread where there is none
 *     jobs          on a thread of the file pool (job.c): what has no
 *                   operation, and sequences of calls that would otherwise
 *                   cross over to a thread several times
 *
 * docs/decisions/files.md has the measurements behind the choice.
 */
#ifndef BIDE_SRC_FILE_FILE_H
#define BIDE_SRC_FILE_FILE_H

#include <bide/file.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "task/task.h"
#include "task/waiter.h"

/* The most that one call moves at once, and so without others running. */
#define BIDE__FILE_NOW_MAX ((size_t)256 * 1024)

/* The most that one operation moves, and so between two looks at whether to
 * stop. */
#define BIDE__FILE_STEP_MAX ((size_t)1024 * 1024)

/* IOV_MAX of Linux, writev(2). */
#define BIDE__FILE_IOV_MAX 1024

/* ── Handles ──────────────────────────────────────────────────────────── */

/* What was read ahead for readline: bytes [at, at + len) of the file. */
struct bide__ahead {
    char *data;
    size_t len;
    int64_t at;
};

/*
 * A file. The position is ours and the kernel's is not used, except for
 * appending: so a call that fails or is cancelled has not moved it.
 *
 * Invariants: `calls` counts the tasks within a call; while it is not 0 the
 * memory stays. An operation in flight is in `flights`, so that closing can
 * ask for its end. `attached` says that the engine knows the descriptor,
 * which it does from the first operation on.
 */
struct bide_file {
    bide_loop *loop;
    struct bide__resource resource;
    bide_fd fd;
    int64_t position;
    unsigned calls;
    int flags; /* of open(2) */
    bool attached;
    bool now;      /* asking at once has not proved useless */
    bool memory;   /* lives in memory: reading never waits for a disk, and
                      a short read is the end */
    bool asked;    /* whether it does has been found out */
    bool closing;
    bool turn_taken;             /* a task uses the position */
    struct bide__waiters turns;  /* those that wait to */
    struct bide__link flights;   /* operations in the kernel */
    bide_task *closer;           /* waits for calls to be 0 */
    struct bide__ahead ahead;
    unsigned edits; /* counts what made reading ahead worthless */
};

/* Begin and end a call that suspends. Enter returns 0, -EBADF or
 * -ECANCELED; only after 0 there is something to leave. */
int bide__file_enter(bide_file *file, const char *function);
void bide__file_leave(bide_file *file);

/* The same, with a turn at the position. */
int bide__file_enter_turn(bide_file *file, const char *function);
void bide__file_leave_turn(bide_file *file);

/* A handle over a descriptor, in no list of the loop: for whoever reads a
 * file in one go. Nothing is allocated. `flags` are those of bide__open(). */
void bide__file_init(bide_file *file, bide_loop *loop, int fd, int flags);

/* A handle for the user over a descriptor, which it takes in any case. */
int bide__file_new(bide_task *self, int fd, int flags, bide_file **ret_file);

/* Undo bide__file_init(): the engine forgets the descriptor, which stays
 * open. */
void bide__file_fini(bide_file *file);

/* Between two steps of a call: 0, or -EBADF or -ECANCELED to end it. */
int bide__file_go_on(bide_file *file);

/* Have an operation done and await it. Pre: entered; the operation is filled
 * with &file->fd. Returns its result, -EBADF if the file was closed. */
int64_t bide__file_await(bide_file *file, bide_op *op,
                         const struct bide__wait *wait);

/* The same for an operation on something else, which is to end when the file
 * is closed. -EBADF: that, or the something was closed. */
int64_t bide__file_await_other(bide_file *file, bide_op *op,
                               const struct bide__wait *wait);

/* Others may run, after this many bytes were moved at once. */
void bide__file_charge(bide_task *self, size_t bytes);

/* Read up to len bytes at an offset: fewer only at the end. Pre: entered.
 * Returns a number of bytes or a negative code. */
int64_t bide__file_fill(bide_file *file, void *buf, size_t len,
                        int64_t offset, const struct bide__wait *wait);

/* Read from an offset to the end into memory of malloc(3), closed by a NUL.
 * Pre: entered. Returns 0 or a negative code. */
int bide__file_slurp(bide_file *file, int64_t offset, size_t max,
                     char **ret_data, size_t *ret_len,
                     const struct bide__wait *wait);

/* What was read ahead is not to be trusted any more. */
static inline void bide__file_forget_ahead(bide_file *file)
{
    file->ahead.len = 0;
    file->edits++;
}

/* ── At once ──────────────────────────────────────────────────────────── */

/* Whether to try at once; tests turn it off to see the other ways. */
extern bool bide__file_try_now __attribute__((visibility("hidden")));

/* Open without waiting. Returns a descriptor, which is non-blocking; -ENOENT
 * if there is surely nothing; -EAGAIN if it takes another way to find out. */
int bide__open_now(const char *path, int flags);

/* Read without waiting. Returns > 0 bytes, fewer where the rest would have to
 * be waited for; 0 at the end; -EAGAIN if it takes another way. */
ssize_t bide__file_read_now(bide_file *file, const struct iovec *iov,
                            size_t count, int64_t offset);

/* ── Opening and closing descriptors ──────────────────────────────────── */

/* Open a path, at once or by an operation. O_NONBLOCK is added to *flags if
 * it is set. Returns the descriptor or a negative code, with a message. */
int bide__open(bide_task *self, const char *path, int *flags,
               unsigned permissions, const struct bide__wait *wait);

/* Close a descriptor that was written to; cannot be cancelled. Returns what
 * close(2) says. */
int bide__close(bide_task *self, int fd);

/* ── Jobs ─────────────────────────────────────────────────────────────── */

/*
 * A function on a thread, in the frame of the task that awaits it. Derive by
 * making it the first member. It cannot be ended from outside: it is asked
 * to, by `stop`, and if it is long it looks now and then.
 */
struct bide__job {
    bide_op op;
    atomic_bool stop;
    int (*fn)(struct bide__job *job);
};

/* The `cancel` of waits for jobs. */
void bide__job_cancel(bide_task *task, void *object);

/* Have job->fn called, await it. Returns what it returned, and not before it
 * has. Pre: the caller took a pending cancellation. */
int bide__job_run(bide_task *self, struct bide__job *job,
                  const struct bide__wait *wait);

static inline bool bide__job_stopped(struct bide__job *job)
{
    return atomic_load_explicit(&job->stop, memory_order_relaxed);
}

/* On the thread: write all bytes, in steps. Returns 0 or a negative errno,
 * -ECANCELED when stopped. */
int bide__job_write(struct bide__job *job, int fd, const char *data,
                    size_t len);

/* On the thread: a new file in a directory under a name of its own. The name
 * is stored behind `directory` in path, which has room for
 * BIDE__UNIQUE_MAX bytes more. `make` is called with the path until it does
 * not say -EEXIST. Returns what it returned. */
#define BIDE__UNIQUE_MAX 32
int bide__make_unique(char *path, size_t directory_len,
                      int (*make)(const char *path));

/* The result of statx(2) as stat(2) gives it. */
void bide__stat_convert(const struct statx *from, struct stat *to);

/* A message that names the path; returns the code. */
int bide__raise_path(int code, const char *what, const char *path);

#endif
