/* SPDX-License-Identifier: MIT */
/*
 * job.c — functions on threads of the file pool, and what they have in
 * common.
 *
 * A thread that has begun cannot be ended from outside. So a task that is
 * cancelled asks the job to stop and goes on waiting: the job's memory lies
 * in its frame. What the job brought to its end all the same is a success,
 * and the cancellation is delivered at the next call.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "file/file.h"

static int run_job(void *arg)
{
    struct bide__job *job = arg;
    return job->fn(job);
}

void bide__job_cancel(bide_task *task, void *object)
{
    struct bide__job *job = BIDE__CONTAINER(object, struct bide__job, op);
    atomic_store_explicit(&job->stop, true, memory_order_relaxed);
    bide__op_wait_cancel(task, object);
}

int bide__job_run(bide_task *self, struct bide__job *job,
                  const struct bide__wait *wait)
{
    bide_pool *pool = bide_engine_pool(self->loop->engine, BIDE_POOL_FILE);
    atomic_init(&job->stop, false);
    bide_op_work(&job->op, pool, run_job, job);
    return (int)bide__op_await(self, &job->op, wait);
}

int bide__job_write(struct bide__job *job, int fd, const char *data,
                    size_t len)
{
    while (len > 0) {
        if (bide__job_stopped(job))
            return -ECANCELED;
        size_t step = len < BIDE__FILE_STEP_MAX ? len : BIDE__FILE_STEP_MAX;
        ssize_t n = write(fd, data, step);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

int bide__make_unique(char *path, size_t directory_len,
                      int (*make)(const char *path))
{
    enum { ATTEMPTS = 100 };
    int rc = -EEXIST;
    for (int i = 0; i < ATTEMPTS && rc == -EEXIST; i++) {
        uint64_t number;
        if (getrandom(&number, sizeof number, 0) < 0)
            return -errno;
        snprintf(path + directory_len, BIDE__UNIQUE_MAX, ".bide-%016llx",
                 (unsigned long long)number);
        rc = make(path);
    }
    return rc;
}

int bide__raise_path(int code, const char *what, const char *path)
{
    enum { SHOWN = 120 };
    size_t len = strlen(path);
    bool cut = len > SHOWN; /* its end tells more than its beginning */
    return bide_raise(code, "%s '%s%s': %s", what, cut ? "..." : "",
                      cut ? path + len - SHOWN : path, bide_strerror(code));
}
