/* SPDX-License-Identifier: MIT */
/*
 * uv_files.c — the file benchmarks by libuv: each request goes to a thread of
 * its pool, of which there are four. See ../files.h for the arguments.
 */
#include "../files.h"

#include <uv.h>

/* A file in work, or a read of a part: one request after the other. */
struct work {
    uv_fs_t request;
    uv_file fd;
    long left; /* bytes */
    char path[300];
    char *data;
};

static long next;

static void check(const uv_fs_t *request)
{
    if (request->result < 0)
        bench_die("%s", uv_strerror((int)request->result));
}

static uv_fs_t *prepare(struct work *work)
{
    uv_fs_req_cleanup(&work->request);
    return &work->request;
}

static void next_file(struct work *work, uv_fs_cb opened, int flags)
{
    if (next == bench_files.count)
        return;
    bench_file_path(work->path, sizeof work->path, next++);
    uv_fs_open(uv_default_loop(), prepare(work), work->path, flags, 0666,
               opened);
}

/* ── Writing ──────────────────────────────────────────────────────────── */

static void write_opened(uv_fs_t *request);

static void write_closed(uv_fs_t *request)
{
    check(request);
    next_file(request->data, write_opened, O_WRONLY | O_CREAT | O_TRUNC);
}

static void write_written(uv_fs_t *request)
{
    struct work *work = request->data;
    check(request);
    uv_fs_close(uv_default_loop(), prepare(work), work->fd, write_closed);
}

static void write_opened(uv_fs_t *request)
{
    struct work *work = request->data;
    uv_buf_t buffer = uv_buf_init(bench_files.data, BENCH_FILE_SIZE);
    check(request);
    work->fd = (uv_file)request->result;
    uv_fs_write(uv_default_loop(), prepare(work), work->fd, &buffer, 1, 0,
                write_written);
}

/* ── Reading ──────────────────────────────────────────────────────────── */

static void read_opened(uv_fs_t *request);

static void read_closed(uv_fs_t *request)
{
    check(request);
    next_file(request->data, read_opened, O_RDONLY);
}

static void read_done(uv_fs_t *request)
{
    struct work *work = request->data;
    check(request);
    if (request->result != BENCH_FILE_SIZE)
        bench_die("'%s' has %zd bytes", work->path, request->result);
    free(work->data);
    uv_fs_close(uv_default_loop(), prepare(work), work->fd, read_closed);
}

static void read_sized(uv_fs_t *request)
{
    struct work *work = request->data;
    check(request);
    size_t len = (size_t)request->statbuf.st_size;
    work->data = malloc(len + 1);
    uv_buf_t buffer = uv_buf_init(work->data, (unsigned)len);
    uv_fs_read(uv_default_loop(), prepare(work), work->fd, &buffer, 1, 0,
               read_done);
}

static void read_opened(uv_fs_t *request)
{
    struct work *work = request->data;
    check(request);
    work->fd = (uv_file)request->result;
    uv_fs_fstat(uv_default_loop(), prepare(work), work->fd, read_sized);
}

/* ── Parts ────────────────────────────────────────────────────────────── */

static void part_read(uv_fs_t *request);

static void next_part(struct work *work)
{
    uv_buf_t buffer = uv_buf_init(work->data, BENCH_FILE_SIZE);
    if (next++ < bench_files.count)
        uv_fs_read(uv_default_loop(), prepare(work), work->fd, &buffer, 1,
                   bench_next_part(), part_read);
}

static void part_read(uv_fs_t *request)
{
    check(request);
    if (request->result != BENCH_FILE_SIZE)
        bench_die("a part has %zd bytes", request->result);
    next_part(request->data);
}

/* ── All of them ──────────────────────────────────────────────────────── */

static struct work works[BENCH_READERS];

static void many(void)
{
    struct bench_span span;
    bench_begin(&span);
    for (int i = 0; i < BENCH_FILES_AT_ONCE; i++)
        next_file(&works[i], write_opened, O_WRONLY | O_CREAT | O_TRUNC);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    bench_end(&span, "write");
    next = 0;
    bench_begin(&span);
    for (int i = 0; i < BENCH_FILES_AT_ONCE; i++)
        next_file(&works[i], read_opened, O_RDONLY);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    bench_end(&span, "read");
}

static void random_parts(void)
{
    struct bench_span span;
    int fd = open(bench_files.path, O_RDONLY | O_CLOEXEC);
    bench_begin(&span);
    for (int i = 0; i < BENCH_READERS; i++) {
        works[i].fd = fd;
        works[i].data = malloc(BENCH_FILE_SIZE);
        next_part(&works[i]);
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    bench_end(&span, "part");
    close(fd);
}

int main(int argc, char **argv)
{
    bench_files_begin(argc, argv);
    for (int i = 0; i < BENCH_READERS; i++)
        works[i].request.data = &works[i];
    if (bench_files.many)
        many();
    else
        random_parts();
    bench_files_end();
    return 0;
}
