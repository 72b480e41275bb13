/* SPDX-License-Identifier: MIT */
/*
 * files.h — what the file benchmarks share: which files there are, what is in
 * them, in which order parts of one are read, and what is printed.
 *
 *     program many DIRECTORY [files]     write that many, then read them
 *     program random DIRECTORY [reads]   parts of one file that is in memory
 *
 * A directory under a name of its own is made below DIRECTORY, and removed.
 */
#ifndef BENCH_FILES_H
#define BENCH_FILES_H

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

#define BENCH_FILE_SIZE 4096   /* bytes of each file, and of each part */
#define BENCH_FILES_AT_ONCE 64 /* files in work at the same time */
#define BENCH_READERS 100      /* reads at the same time */
#define BENCH_PARTS 25600      /* of the one file: 100 MiB */
#define BENCH_FILES_MAX 1000000

struct bench_files {
    bool many;
    long count;
    char directory[256];
    char path[300];
    char data[BENCH_FILE_SIZE];
    uint32_t seed;
};

static struct bench_files bench_files;

struct bench_span {
    int64_t cpu_ns, wall_ns;
};

static inline void bench_begin(struct bench_span *span)
{
    span->cpu_ns = bench_cpu_ns();
    span->wall_ns = bench_wall_ns();
}

/* Print microseconds of processor time and of the wall for each. */
static inline void bench_end(struct bench_span *span, const char *name)
{
    double count = (double)bench_files.count * 1e3;
    printf("%s_cpu_us=%.3f %s_wall_us=%.3f ", name,
           (double)(bench_cpu_ns() - span->cpu_ns) / count, name,
           (double)(bench_wall_ns() - span->wall_ns) / count);
}

/* The path of a file by its number; size 300 is enough. */
static inline void bench_file_path(char *path, size_t size, long number)
{
    snprintf(path, size, "%s/f%ld", bench_files.directory, number);
}

/* Where the next part of the one file begins, in bytes. */
static inline int64_t bench_next_part(void)
{
    return (int64_t)(bench_random(&bench_files.seed) % BENCH_PARTS) *
           BENCH_FILE_SIZE;
}

static inline void bench_make_large_file(void)
{
    int fd = open(bench_files.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (long i = 0; i < BENCH_PARTS; i++)
        if (write(fd, bench_files.data, BENCH_FILE_SIZE) != BENCH_FILE_SIZE)
            bench_die("cannot write '%s': %s", bench_files.path,
                      strerror(errno));
    close(fd);
}

static inline void bench_files_begin(int argc, char **argv)
{
    struct bench_files *files = &bench_files;
    files->many = strcmp(bench_word(argc, argv, 1, "many"), "many") == 0;
    files->count = bench_arg(argc, argv, 3, 1, BENCH_FILES_MAX,
                             files->many ? 10000 : 400000);
    files->seed = 2463534242u;
    snprintf(files->directory, sizeof files->directory, "%s/bide-bench-XXXXXX",
             bench_word(argc, argv, 2, "/tmp"));
    if (!mkdtemp(files->directory))
        bench_die("cannot make '%s': %s", files->directory, strerror(errno));
    memset(files->data, 'x', sizeof files->data);
    bench_file_path(files->path, sizeof files->path, files->count);
    if (!files->many)
        bench_make_large_file();
}

static inline void bench_files_end(void)
{
    char path[300];
    for (long i = 0; bench_files.many && i < bench_files.count; i++) {
        bench_file_path(path, sizeof path, i);
        if (unlink(path) < 0)
            bench_die("'%s' was not written", path);
    }
    unlink(bench_files.path);
    rmdir(bench_files.directory);
    printf("\n");
}

#endif
