/* SPDX-License-Identifier: MIT */
/* file_test.c — operations on regular files and paths. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "engine/contract.h"

/* An engine and an empty file with a name. */
struct desk {
    bide_engine *engine;
    bide_fd file;
    char path[32];
};

static void desk_open(struct desk *desk)
{
    strcpy(desk->path, "/tmp/bide-test-XXXXXX");
    desk->engine = engine_open();
    int fd = mkostemp(desk->path, O_CLOEXEC);
    CHECK_OK(bide_engine_attach(desk->engine, &desk->file, fd, BIDE_FD_FILE));
}

static void desk_close(struct desk *desk)
{
    unlink(desk->path);
    bide_engine_close(desk->engine, &desk->file);
    bide_engine_free(desk->engine);
}

TEST(a_file_is_written_and_read_at_offsets)
{
    struct desk desk;
    struct call call = {0};
    char buffer[16] = {0};
    desk_open(&desk);
    bide_op_write(&call.op, &desk.file, "hello world", 11, 0);
    CHECK_INT(perform(desk.engine, &call), 11);
    bide_op_write(&call.op, &desk.file, "W", 1, 6);
    CHECK_INT(perform(desk.engine, &call), 1);
    bide_op_read(&call.op, &desk.file, buffer, 5, 6);
    CHECK_INT(perform(desk.engine, &call), 5);
    CHECK_MEM(buffer, "World", 5);
    bide_op_read(&call.op, &desk.file, buffer, 5, 11);
    CHECK_INT(perform(desk.engine, &call), 0);
    CHECK_INT(lseek(desk.file.fd, 0, SEEK_CUR), 0); /* position untouched */
    desk_close(&desk);
}

TEST(offset_minus_one_is_the_position_and_moves_it)
{
    struct desk desk;
    struct call call = {0};
    char buffer[16] = {0};
    desk_open(&desk);
    bide_op_write(&call.op, &desk.file, "abc", 3, -1);
    CHECK_INT(perform(desk.engine, &call), 3);
    bide_op_write(&call.op, &desk.file, "def", 3, -1);
    CHECK_INT(perform(desk.engine, &call), 3);
    CHECK_INT(lseek(desk.file.fd, 1, SEEK_SET), 1);
    bide_op_read(&call.op, &desk.file, buffer, 2, -1);
    CHECK_INT(perform(desk.engine, &call), 2);
    bide_op_read(&call.op, &desk.file, buffer + 2, 8, -1);
    CHECK_INT(perform(desk.engine, &call), 3);
    CHECK_MEM(buffer, "bcdef", 5);
    desk_close(&desk);
}

TEST(vectors_are_written_and_read_both_ways)
{
    struct desk desk;
    struct call call = {0};
    char a[3];
    char b[5];
    struct iovec out[2] = {{.iov_base = "vec", .iov_len = 3},
                           {.iov_base = "tors!", .iov_len = 5}};
    struct iovec in[2] = {{.iov_base = a, .iov_len = 3},
                          {.iov_base = b, .iov_len = 5}};
    desk_open(&desk);
    for (int64_t offset = -1; offset < 2; offset++) {
        CHECK_OK(lseek(desk.file.fd, 0, SEEK_SET));
        bide_op_writev(&call.op, &desk.file, out, 2, offset);
        CHECK_INT(perform(desk.engine, &call), 8);
        CHECK_OK(lseek(desk.file.fd, 0, SEEK_SET));
        bide_op_readv(&call.op, &desk.file, in, 2, offset);
        CHECK_INT(perform(desk.engine, &call), 8);
        CHECK_MEM(a, "vec", 3);
        CHECK_MEM(b, "tors!", 5);
    }
    bide_op_readv(&call.op, &desk.file, in, IOV_MAX + 1, 0);
    CHECK_ERR(perform(desk.engine, &call), -EINVAL);
    desk_close(&desk);
}

TEST(fsync_works_with_and_without_metadata)
{
    struct desk desk;
    struct call call = {0};
    desk_open(&desk);
    for (int data_only = 0; data_only < 2; data_only++) {
        bide_op_fsync(&call.op, &desk.file, data_only);
        CHECK_INT(perform(desk.engine, &call), 0);
    }
    desk_close(&desk);
}

TEST(fsync_of_a_pipe_fails)
{
    struct wire wire;
    struct call call = {0};
    int fds[2];
    CHECK_OK(pipe2(fds, O_CLOEXEC));
    wire_open_fds(&wire, fds);
    bide_op_fsync(&call.op, &wire.file, false);
    CHECK_ERR(perform(wire.engine, &call), -EINVAL);
    wire_close(&wire);
}

TEST(a_file_is_opened_and_closed)
{
    struct desk desk;
    struct call call = {0};
    desk_open(&desk);
    unlink(desk.path);
    bide_op_open(&call.op, desk.path, O_RDWR | O_CREAT | O_EXCL, 0640);
    int fd = (int)perform(desk.engine, &call);
    struct stat status;
    CHECK_OK(fstat(fd, &status));
    CHECK_INT(status.st_mode & 0737, 0600 & ~0027);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    bide_op_open(&call.op, desk.path, O_RDWR | O_CREAT | O_EXCL, 0640);
    CHECK_ERR(perform(desk.engine, &call), -EEXIST);
    bide_op_close(&call.op, fd);
    CHECK_INT(perform(desk.engine, &call), 0);
    bide_op_close(&call.op, fd);
    CHECK_ERR(perform(desk.engine, &call), -EBADF);
    desk_close(&desk);
}

TEST(open_and_statx_of_a_missing_path_fail)
{
    bide_engine *engine = engine_open();
    struct call call = {0};
    struct statx status;
    bide_op_open(&call.op, "/nonexistent/file", O_RDONLY, 0);
    CHECK_ERR(perform(engine, &call), -ENOENT);
    bide_op_statx(&call.op, "/nonexistent/file", 0, STATX_SIZE, &status);
    CHECK_ERR(perform(engine, &call), -ENOENT);
    bide_engine_free(engine);
}

TEST(statx_tells_the_size)
{
    struct desk desk;
    struct call call = {0};
    struct statx status = {0};
    desk_open(&desk);
    CHECK_OK(ftruncate(desk.file.fd, 12345));
    bide_op_statx(&call.op, desk.path, 0, STATX_SIZE, &status);
    CHECK_INT(perform(desk.engine, &call), 0);
    CHECK_INT(status.stx_size, 12345);
    desk_close(&desk);
}

TEST(reading_what_cannot_be_read_fails)
{
    bide_engine *engine = engine_open();
    struct call call = {0};
    bide_fd file;
    char byte;
    int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_OK(bide_engine_attach(engine, &file, fd, BIDE_FD_FILE));
    bide_op_read(&call.op, &file, &byte, 1, 0);
    CHECK_ERR(perform(engine, &call), -EISDIR);
    bide_engine_close(engine, &file);
    fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    CHECK_OK(bide_engine_attach(engine, &file, fd, BIDE_FD_FILE));
    bide_op_read(&call.op, &file, &byte, 1, 0);
    CHECK_ERR(perform(engine, &call), -EBADF);
    bide_engine_close(engine, &file);
    bide_engine_free(engine);
}

TEST(many_file_operations_can_be_in_flight)
{
    enum { COUNT = 500 };
    struct desk desk;
    struct call *calls = calloc(COUNT, sizeof *calls);
    uint32_t values[COUNT];
    desk_open(&desk);
    for (uint32_t i = 0; i < COUNT; i++) {
        values[i] = i * 3;
        bide_op_write(&calls[i].op, &desk.file, &values[i], 4, 4 * (int)i);
        start(desk.engine, &calls[i]);
    }
    for (uint32_t i = 0; i < COUNT; i++)
        CHECK_INT(await(desk.engine, &calls[i]), 4);
    memset(values, 0, sizeof values);
    for (uint32_t i = 0; i < COUNT; i++) {
        bide_op_read(&calls[i].op, &desk.file, &values[i], 4, 4 * (int)i);
        start(desk.engine, &calls[i]);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        CHECK_INT(await(desk.engine, &calls[i]), 4);
        CHECK_INT(values[i], i * 3);
    }
    desk_close(&desk);
    free(calls);
}

/* Whichever comes first, the cancellation or the end, is reported, once. */
TEST(a_cancelled_file_operation_ends_one_way_or_the_other)
{
    enum { COUNT = 100 };
    struct desk desk;
    struct call calls[COUNT] = {0};
    desk_open(&desk);
    for (int i = 0; i < COUNT; i++) {
        bide_op_fsync(&calls[i].op, &desk.file, false);
        start(desk.engine, &calls[i]);
    }
    for (int i = 0; i < COUNT; i++)
        bide_engine_cancel(desk.engine, &calls[i].op);
    for (int i = 0; i < COUNT; i++) {
        int64_t result = await(desk.engine, &calls[i]);
        CHECK(result == 0 || result == -ECANCELED);
    }
    desk_close(&desk);
}
