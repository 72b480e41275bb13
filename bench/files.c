/* SPDX-License-Identifier: MIT */
/*
 * files.c — many small files written and read, by 64 tasks; and parts of one
 * file read at random, by 100 tasks. See files.h for the arguments.
 */
#include "files.h"

#include <bide.h>

static long next;

static int write_files(void *arg)
{
    char path[300];
    int rc = 0;
    (void)arg;
    while (rc == 0 && next < bench_files.count) {
        bench_file_path(path, sizeof path, next++);
        rc = bide_write_file(path, bench_files.data, BENCH_FILE_SIZE);
    }
    return rc;
}

static int read_files(void *arg)
{
    char path[300];
    int rc = 0;
    (void)arg;
    while (rc == 0 && next < bench_files.count) {
        char *data = NULL;
        size_t len = 0;
        bench_file_path(path, sizeof path, next++);
        rc = bide_read_file(path, &data, &len);
        if (rc == 0 && len != BENCH_FILE_SIZE)
            bench_die("'%s' has %zu bytes", path, len);
        free(data);
    }
    return rc;
}

static int read_parts(void *arg)
{
    char part[BENCH_FILE_SIZE];
    ssize_t n = BENCH_FILE_SIZE;
    while (n == BENCH_FILE_SIZE && next < bench_files.count) {
        next++;
        n = bide_file_read_at(arg, part, sizeof part, bench_next_part());
    }
    return n < 0 ? (int)n : 0;
}

static int measure(bide_coroutine *fn, void *arg, int count, const char *name)
{
    struct bench_span span;
    bide_task *tasks[BENCH_READERS];
    next = 0;
    bench_begin(&span);
    for (int i = 0; i < count; i++)
        tasks[i] = bide_create_task(fn, arg);
    int rc = bide_gather(tasks, (size_t)count);
    bench_end(&span, name);
    return rc;
}

static int many(void)
{
    int rc = measure(write_files, NULL, BENCH_FILES_AT_ONCE, "write");
    if (rc == 0)
        rc = measure(read_files, NULL, BENCH_FILES_AT_ONCE, "read");
    return rc;
}

static int random_parts(void)
{
    bide_file *file;
    int rc = bide_file_open(bench_files.path, "r", &file);
    if (rc == 0)
        rc = measure(read_parts, file, BENCH_READERS, "part");
    return rc == 0 ? bide_file_close(file) : rc;
}

static int amain(void *arg)
{
    (void)arg;
    return bench_files.many ? many() : random_parts();
}

int main(int argc, char **argv)
{
    bench_files_begin(argc, argv);
    int rc = bide_run(amain, NULL);
    if (rc < 0)
        bench_die("%s", bide_errmsg(rc));
    bench_files_end();
    return 0;
}
