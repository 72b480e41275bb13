/* SPDX-License-Identifier: MIT */
/*
 * hand_files.c — the file benchmarks by plain system calls, one after the
 * other: what the kernel's part costs. See ../files.h for the arguments.
 */
#include "../files.h"

static void check(bool holds, const char *path)
{
    if (!holds)
        bench_die("'%s': %s", path, strerror(errno));
}

static void write_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    check(fd >= 0, path);
    check(write(fd, bench_files.data, BENCH_FILE_SIZE) == BENCH_FILE_SIZE,
          path);
    check(close(fd) == 0, path);
}

static void read_file(const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    check(fd >= 0 && fstat(fd, &status) == 0, path);
    size_t len = (size_t)status.st_size;
    char *data = malloc(len + 1);
    check(data && read(fd, data, len) == BENCH_FILE_SIZE, path);
    free(data);
    close(fd);
}

static void many(void)
{
    struct bench_span span;
    char path[300];
    bench_begin(&span);
    for (long i = 0; i < bench_files.count; i++) {
        bench_file_path(path, sizeof path, i);
        write_file(path);
    }
    bench_end(&span, "write");
    bench_begin(&span);
    for (long i = 0; i < bench_files.count; i++) {
        bench_file_path(path, sizeof path, i);
        read_file(path);
    }
    bench_end(&span, "read");
}

static void random_parts(void)
{
    struct bench_span span;
    char part[BENCH_FILE_SIZE];
    int fd = open(bench_files.path, O_RDONLY | O_CLOEXEC);
    bench_begin(&span);
    for (long i = 0; i < bench_files.count; i++)
        check(pread(fd, part, sizeof part, bench_next_part()) ==
                  BENCH_FILE_SIZE,
              bench_files.path);
    bench_end(&span, "part");
    close(fd);
}

int main(int argc, char **argv)
{
    bench_files_begin(argc, argv);
    if (bench_files.many)
        many();
    else
        random_parts();
    bench_files_end();
    return 0;
}
