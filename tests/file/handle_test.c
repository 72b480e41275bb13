/* SPDX-License-Identifier: MIT */
/* handle_test.c — files that are open: modes, position, offsets, lines. */
#include <sys/mman.h>
#include <sys/uio.h>

#include "file/desk.h"
#include "helpers/journal.h"

#define MEBIBYTE ((size_t)1024 * 1024)

static bide_file *open_file(const char *name, const char *mode)
{
    bide_file *file = NULL;
    CHECK_OK(bide_file_open(on_desk(name), mode, &file));
    return file;
}

/* ── Modes ────────────────────────────────────────────────────────────── */

static int modes(void *arg)
{
    (void)arg;
    bide_file *file = open_file("f", "w");
    CHECK_INT(bide_file_write(file, "first", 5), 5);
    char byte;
    CHECK_ERR(bide_file_read(file, &byte, 1), -EBADF);
    CHECK_OK(bide_file_close(file));
    file = open_file("f", "rb");
    CHECK_ERR(bide_file_write(file, "x", 1), -EBADF);
    CHECK_OK(bide_file_close(file));
    file = open_file("f", "r+");
    CHECK_INT(bide_file_write(file, "F", 1), 1);
    CHECK_OK(bide_file_close(file));
    CHECK_CONTENT(on_desk("f"), "First");
    file = open_file("f", "w");
    CHECK_OK(bide_file_close(file));
    CHECK_CONTENT(on_desk("f"), "");
    CHECK_ERR(bide_file_open(on_desk("f"), "x", &file), -EEXIST);
    file = open_file("new", "xb+");
    CHECK_OK(bide_file_close(file));
    return 0;
}

TEST(modes_are_those_of_fopen)
{
    run_both_ways(modes);
}

static int bad_modes(void *arg)
{
    (void)arg;
    static const char *const bad[] = {"", "q", "b", "rr", "r++", "rbb", "wx"};
    bide_file *file;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_ERR(bide_file_open(on_desk("f"), bad[i], &file), -EINVAL);
        CHECK(strstr(bide_errmsg(-EINVAL), "must be r, w, a or x") != NULL);
    }
    CHECK_INT(count_entries(desk), 0);
    return 0;
}

TEST(other_modes_are_refused_and_open_nothing)
{
    run_both_ways(bad_modes);
}

static int missing(void *arg)
{
    (void)arg;
    bide_file *file;
    const char *path = on_desk("nothing");
    char message[128];
    snprintf(message, sizeof message,
             "opening '%s': No such file or directory", path);
    CHECK_ERR(bide_file_open(path, "r", &file), -ENOENT);
    CHECK_STR(bide_errmsg(-ENOENT), message);
    char deep[300];
    memset(deep, 'd', sizeof deep);
    strcpy(deep + 200, "/the-end");
    CHECK_ERR(bide_file_open(deep, "r", &file), -ENOENT);
    CHECK(strstr(bide_errmsg(-ENOENT), "'...ddd") != NULL);
    CHECK(strstr(bide_errmsg(-ENOENT), "the-end': No such") != NULL);
    return 0;
}

TEST(an_error_names_the_path_and_a_long_one_by_its_end)
{
    run_both_ways(missing);
}

/* ── Position ─────────────────────────────────────────────────────────── */

static int position(void *arg)
{
    (void)arg;
    char buf[16] = {0};
    bide_file *file = open_file("f", "w+");
    CHECK_INT(bide_file_write(file, "hello world", 11), 11);
    CHECK_INT(bide_file_tell(file), 11);
    CHECK_INT(bide_file_seek(file, 6, SEEK_SET), 6);
    CHECK_INT(bide_file_read(file, buf, sizeof buf), 5);
    CHECK_MEM(buf, "world", 5);
    CHECK_INT(bide_file_read(file, buf, sizeof buf), 0);
    CHECK_INT(bide_file_seek(file, -5, SEEK_END), 6);
    CHECK_INT(bide_file_seek(file, -6, SEEK_CUR), 0);
    CHECK_INT(bide_file_read(file, buf, 5), 5);
    CHECK_MEM(buf, "hello", 5);
    CHECK_ERR(bide_file_seek(file, -6, SEEK_CUR), -EINVAL);
    CHECK_ERR(bide_file_seek(file, 0, 77), -EINVAL);
    CHECK_ERR(bide_file_seek(file, INT64_MAX, SEEK_END), -EINVAL);
    CHECK_INT(bide_file_tell(file), 5);
    CHECK_OK(bide_file_close(file));
    return 0;
}

TEST(the_position_moves_with_reading_writing_and_seeking)
{
    run_both_ways(position);
}

static int offsets(void *arg)
{
    (void)arg;
    char buf[16];
    bide_file *file = open_file("f", "w+");
    CHECK_INT(bide_file_write_at(file, "efgh", 4, 4), 4);
    CHECK_INT(bide_file_write_at(file, "abcd", 4, 0), 4);
    CHECK_INT(bide_file_tell(file), 0);
    CHECK_INT(bide_file_read_at(file, buf, sizeof buf, 2), 6);
    CHECK_MEM(buf, "cdefgh", 6);
    CHECK_INT(bide_file_read_at(file, buf, sizeof buf, 100), 0);
    CHECK_INT(bide_file_read_at(file, buf, 0, 0), 0);
    CHECK_ERR(bide_file_read_at(file, buf, 1, -1), -EINVAL);
    CHECK_ERR(bide_file_write_at(file, buf, 1, -1), -EINVAL);
    CHECK_ERR(bide_file_read(file, buf, BIDE_IO_MAX + 1), -EINVAL);
    CHECK_ERR(bide_file_write(file, buf, BIDE_IO_MAX + 1), -EINVAL);
    CHECK_OK(bide_file_close(file));
    return 0;
}

TEST(offsets_leave_the_position_alone)
{
    run_both_ways(offsets);
}

static int appending(void *arg)
{
    (void)arg;
    char buf[16];
    put(on_desk("f"), "one", 3);
    bide_file *file = open_file("f", "a+");
    CHECK_INT(bide_file_tell(file), 3);
    CHECK_INT(bide_file_seek(file, 0, SEEK_SET), 0);
    CHECK_INT(bide_file_write(file, "two", 3), 3);
    CHECK_INT(bide_file_tell(file), 6);
    CHECK_INT(bide_file_write_at(file, "six", 3, 0), 3);
    CHECK_INT(bide_file_read_at(file, buf, sizeof buf, 0), 9);
    CHECK_MEM(buf, "onetwosix", 9);
    CHECK_OK(bide_file_close(file));
    return 0;
}

TEST(appending_writes_to_the_end_wherever_the_position_is)
{
    run_both_ways(appending);
}

static int large(void *arg)
{
    (void)arg;
    size_t len = 3 * MEBIBYTE + 777;
    char *data = malloc(len), *back = malloc(len + 10);
    for (size_t i = 0; i < len; i++)
        data[i] = (char)(i * 31 + i / 4096);
    bide_file *file = open_file("f", "w+");
    CHECK_INT(bide_file_write(file, data, len), (long long)len);
    CHECK_INT(bide_file_read_at(file, back, len + 10, 0), (long long)len);
    CHECK_MEM(back, data, len);
    CHECK_INT(bide_file_seek(file, 100, SEEK_SET), 100);
    memset(back, 0, len);
    CHECK_INT(bide_file_read(file, back, len), (long long)len - 100);
    CHECK_MEM(back, data + 100, len - 100);
    CHECK_OK(bide_file_close(file));
    free(data);
    free(back);
    return 0;
}

TEST(what_is_more_than_one_step_arrives_whole)
{
    run_both_ways(large);
}

/* ── Vectors ──────────────────────────────────────────────────────────── */

static int vectors(void *arg)
{
    (void)arg;
    char a[3], b[5], c[10] = {0};
    struct iovec out[3] = {{"vec", 3}, {NULL, 0}, {"tors!", 5}};
    struct iovec in[3] = {{a, 3}, {b, 5}, {c, 10}};
    bide_file *file = open_file("f", "w+");
    CHECK_INT(bide_file_writev(file, out, 3, -1), 8);
    CHECK_INT(bide_file_writev(file, out, 3, 8), 8);
    CHECK_INT(bide_file_tell(file), 8);
    CHECK_INT(bide_file_readv(file, in, 3, 0), 16);
    CHECK_MEM(a, "vec", 3);
    CHECK_MEM(b, "tors!", 5);
    CHECK_MEM(c, "vectors!", 8);
    CHECK_INT(bide_file_readv(file, in, 3, -1), 8);
    CHECK_INT(bide_file_readv(file, in, 0, -1), 0);
    CHECK_INT(bide_file_tell(file), 16);
    CHECK_ERR(bide_file_readv(file, in, 1025, 0), -EINVAL);
    CHECK_ERR(bide_file_readv(file, in, 3, -2), -EINVAL);
    CHECK_OK(bide_file_close(file));
    return 0;
}

TEST(vectors_are_written_and_read_in_order)
{
    run_both_ways(vectors);
}

static int large_vectors(void *arg)
{
    (void)arg;
    char *data = malloc(3 * MEBIBYTE), *back = malloc(3 * MEBIBYTE);
    for (size_t i = 0; i < 3 * MEBIBYTE; i++)
        data[i] = (char)(i * 7 + i / 1000);
    struct iovec out[2] = {{data, MEBIBYTE}, {data + MEBIBYTE, 2 * MEBIBYTE}};
    struct iovec in[3] = {
        {back, 2 * MEBIBYTE},
        {back + 2 * MEBIBYTE, 5},
        {back + 2 * MEBIBYTE + 5, MEBIBYTE - 5},
    };
    bide_file *file = open_file("f", "w+");
    CHECK_INT(bide_file_writev(file, out, 2, 0), (long long)(3 * MEBIBYTE));
    CHECK_INT(bide_file_readv(file, in, 3, 0), (long long)(3 * MEBIBYTE));
    CHECK_MEM(back, data, 3 * MEBIBYTE);
    CHECK_OK(bide_file_close(file));
    free(data);
    free(back);
    return 0;
}

TEST(vectors_of_more_than_one_step_arrive_whole)
{
    run_both_ways(large_vectors);
}

/* ── Lines ────────────────────────────────────────────────────────────── */

static int lines(void *arg)
{
    (void)arg;
    char buf[8];
    put(on_desk("f"), "one\n\nthree\nlast", 15);
    bide_file *file = open_file("f", "r+");
    CHECK_INT(bide_file_readline(file, buf, sizeof buf), 4);
    CHECK_STR(buf, "one\n");
    CHECK_INT(bide_file_tell(file), 4);
    CHECK_INT(bide_file_readline(file, buf, sizeof buf), 1);
    CHECK_ERR(bide_file_readline(file, buf, 5), BIDE_E_LIMIT);
    CHECK_INT(bide_file_tell(file), 5);
    CHECK_INT(bide_file_readline(file, buf, 6), 6); /* no room for the NUL */
    CHECK_MEM(buf, "three\n", 6);
    CHECK_INT(bide_file_readline(file, buf, 4), 4); /* ends with the file */
    CHECK_MEM(buf, "last", 4);
    CHECK_INT(bide_file_readline(file, buf, sizeof buf), 0);
    CHECK_STR(buf, "");
    CHECK_ERR(bide_file_readline(file, buf, 0), -EINVAL);
    CHECK_OK(bide_file_close(file));
    return 0;
}

TEST(lines_are_read_with_their_ends)
{
    run_both_ways(lines);
}

static int lines_and_writing(void *arg)
{
    (void)arg;
    char buf[32];
    put(on_desk("f"), "aaa\nbbb\nccc\n", 12);
    bide_file *file = open_file("f", "r+");
    CHECK_INT(bide_file_readline(file, buf, sizeof buf), 4);
    CHECK_INT(bide_file_write_at(file, "XYZ", 3, 4), 3);
    CHECK_INT(bide_file_readline(file, buf, sizeof buf), 4);
    CHECK_STR(buf, "XYZ\n");
    CHECK_INT(bide_file_read(file, buf, 2), 2);
    CHECK_MEM(buf, "cc", 2);
    CHECK_INT(bide_file_readline(file, buf, sizeof buf), 2);
    CHECK_STR(buf, "c\n");
    CHECK_INT(bide_file_seek(file, 1, SEEK_SET), 1);
    CHECK_INT(bide_file_readline(file, buf, sizeof buf), 3);
    CHECK_STR(buf, "aa\n");
    CHECK_OK(bide_file_truncate(file, 6));
    CHECK_INT(bide_file_readline(file, buf, sizeof buf), 2);
    CHECK_STR(buf, "XY");
    CHECK_OK(bide_file_close(file));
    return 0;
}

TEST(lines_mix_with_reading_writing_and_seeking)
{
    run_both_ways(lines_and_writing);
}

static int long_lines(void *arg)
{
    (void)arg;
    enum { LEN = 50000 }; /* several times what is read ahead */
    char *line = malloc(LEN + 1), *back = malloc(LEN + 1);
    memset(line, 'x', LEN);
    line[LEN - 1] = '\n';
    put(on_desk("f"), line, LEN);
    bide_file *file = open_file("f", "r");
    CHECK_ERR(bide_file_readline(file, back, LEN - 1), BIDE_E_LIMIT);
    CHECK_INT(bide_file_readline(file, back, LEN + 1), LEN);
    CHECK_MEM(back, line, LEN);
    CHECK_OK(bide_file_close(file));
    free(line);
    free(back);
    return 0;
}

TEST(a_line_may_be_longer_than_what_is_read_ahead)
{
    run_both_ways(long_lines);
}

/* ── The rest ─────────────────────────────────────────────────────────── */

static int rest_of_file(void *arg)
{
    (void)arg;
    char *data;
    size_t len;
    put(on_desk("f"), "head and tail", 13);
    bide_file *file = open_file("f", "r");
    CHECK_INT(bide_file_seek(file, 9, SEEK_SET), 9);
    CHECK_OK(bide_file_readall(file, &data, &len));
    CHECK_INT(len, 4);
    CHECK_STR(data, "tail");
    free(data);
    CHECK_INT(bide_file_tell(file), 13);
    CHECK_OK(bide_file_readall(file, &data, &len));
    CHECK_INT(len, 0);
    CHECK_STR(data, "");
    free(data);
    CHECK_OK(bide_file_close(file));
    return 0;
}

TEST(readall_reads_from_the_position)
{
    run_both_ways(rest_of_file);
}

static int status_and_size(void *arg)
{
    (void)arg;
    struct stat status, expected;
    bide_file *file = open_file("f", "w+");
    CHECK_INT(bide_file_write(file, "12345678", 8), 8);
    CHECK_OK(bide_file_truncate(file, 5));
    CHECK_OK(bide_file_fsync(file));
    CHECK_OK(bide_file_fdatasync(file));
    CHECK_OK(bide_file_stat(file, &status));
    CHECK_OK(fstat(bide_file_fileno(file), &expected));
    CHECK_INT(status.st_size, 5);
    CHECK_INT(status.st_ino, expected.st_ino);
    CHECK_INT(status.st_dev, expected.st_dev);
    CHECK_INT(status.st_mode, expected.st_mode);
    CHECK_INT(status.st_mtim.tv_nsec, expected.st_mtim.tv_nsec);
    CHECK_OK(bide_file_truncate(file, 10));
    char buf[16];
    CHECK_INT(bide_file_read_at(file, buf, sizeof buf, 0), 10);
    CHECK_MEM(buf, "12345\0\0\0\0\0", 10);
    CHECK_ERR(bide_file_truncate(file, -1), -EINVAL);
    CHECK_OK(bide_file_close(file));
    file = open_file("f", "r");
    CHECK_ERR(bide_file_truncate(file, 0), -EINVAL);
    CHECK_OK(bide_file_close(file));
    CHECK_OK(bide_file_close(NULL));
    return 0;
}

TEST(size_and_status_are_those_of_the_file)
{
    run_both_ways(status_and_size);
}

static int not_files(void *arg)
{
    (void)arg;
    char byte;
    bide_file *file;
    CHECK_OK(bide_file_open(desk, "r", &file));
    CHECK_ERR(bide_file_read(file, &byte, 1), -EISDIR);
    CHECK_OK(bide_file_close(file));
    CHECK_ERR(bide_file_open(desk, "w", &file), -EISDIR);
    CHECK_OK(bide_file_open("/dev/zero", "r", &file));
    CHECK_INT(bide_file_read(file, &byte, 1), 1);
    CHECK_INT(byte, 0);
    CHECK_OK(bide_file_close(file));
    CHECK_OK(bide_file_open("/proc/self/status", "r", &file));
    CHECK_INT(bide_file_read(file, &byte, 1), 1);
    CHECK_INT(byte, 'N');
    CHECK_OK(bide_file_close(file));
    CHECK_OK(mkfifo(on_desk("fifo"), 0600));
    CHECK_OK(bide_file_open(on_desk("fifo"), "r+", &file));
    CHECK_ERR(bide_file_read(file, &byte, 1), -ESPIPE);
    CHECK_OK(bide_file_close(file));
    return 0;
}

TEST(directories_and_pipes_cannot_be_read_and_devices_can)
{
    run_both_ways(not_files);
}

static int full(void *arg)
{
    (void)arg;
    bide_file *file;
    CHECK_OK(bide_file_open("/dev/full", "r+", &file));
    CHECK_ERR(bide_file_write(file, "data", 4), -ENOSPC);
    CHECK_INT(bide_file_tell(file), 0);
    CHECK_OK(bide_file_close(file));
    return 0;
}

TEST(a_write_that_fails_leaves_the_position_where_it_was)
{
    run_both_ways(full);
}

static int temporary(void *arg)
{
    (void)arg;
    bide_file *file;
    char buf[4];
    CHECK_OK(bide_temporary_file(desk, &file));
    CHECK_INT(count_entries(desk), 0);
    CHECK_INT(bide_file_write(file, "temp", 4), 4);
    CHECK_INT(bide_file_read_at(file, buf, 4, 0), 4);
    CHECK_MEM(buf, "temp", 4);
    CHECK_OK(bide_file_close(file));
    CHECK_ERR(bide_temporary_file(on_desk("nowhere"), &file), -ENOENT);
    CHECK_OK(bide_temporary_file(NULL, &file));
    CHECK_OK(bide_file_close(file));
    return 0;
}

TEST(a_temporary_file_has_no_name)
{
    run_both_ways(temporary);
}

static int left_open(void *arg)
{
    (void)arg;
    bide_file *file = open_file("f", "w");
    CHECK_INT(bide_file_write(file, "kept", 4), 4);
    char *buf = malloc(1);
    bide_file *reader = open_file("f", "r");
    CHECK_INT(bide_file_readline(reader, buf, 1), BIDE_E_LIMIT);
    free(buf);
    return 0;
}

TEST(what_is_left_open_is_closed_at_the_end_of_the_loop)
{
    run_both_ways(left_open);
}

/* ── Not in memory ────────────────────────────────────────────────────── */

/* Whether the first page of a file is in memory. */
static bool is_cached(int fd)
{
    unsigned char page = 0;
    void *map = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(map != MAP_FAILED);
    CHECK_OK(mincore(map, 1, &page));
    munmap(map, 1);
    return page & 1;
}

static int cold(void *arg)
{
    (void)arg;
    char buf[8];
    struct iovec iov = {buf, sizeof buf};
    put(on_desk("f"), "on disk", 8);
    bide_file *file = open_file("f", "r+");
    CHECK_OK(bide_file_fsync(file));
    int fd = bide_file_fileno(file);
    CHECK_OK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
    if (!is_cached(fd))
        CHECK_ERR(bide__file_read_now(file, &iov, 1, 0), -EAGAIN);
    CHECK_INT(bide_file_read(file, buf, sizeof buf), 8);
    CHECK_STR(buf, "on disk");
    CHECK_OK(bide_file_close(file));
    return 0;
}

TEST(what_is_not_in_memory_is_not_read_at_once)
{
    run_both_ways(cold);
}

/* ── Several tasks ────────────────────────────────────────────────────── */

static bide_file *shared;

static int write_lines(void *arg)
{
    char line[16];
    memset(line, *(char *)arg, 15);
    line[15] = '\n';
    for (int i = 0; i < 50; i++)
        CHECK_INT(bide_file_write(shared, line, 16), 16);
    return 0;
}

static int taking_turns(void *arg)
{
    (void)arg;
    char letters[4] = {'a', 'b', 'c', 'd'};
    bide_task *tasks[4];
    shared = open_file("f", "w+");
    for (int i = 0; i < 4; i++)
        tasks[i] = bide_create_task(write_lines, &letters[i]);
    CHECK_OK(bide_gather(tasks, 4));
    CHECK_INT(bide_file_tell(shared), 4 * 50 * 16);
    CHECK_INT(bide_file_seek(shared, 0, SEEK_SET), 0);
    int counts[4] = {0};
    char line[17];
    while (bide_file_readline(shared, line, sizeof line) == 16) {
        CHECK(line[0] == line[14] && line[15] == '\n');
        counts[line[0] - 'a']++;
    }
    for (int i = 0; i < 4; i++)
        CHECK_INT(counts[i], 50);
    CHECK_OK(bide_file_close(shared));
    return 0;
}

TEST(tasks_that_write_at_the_position_take_turns)
{
    run_both_ways(taking_turns);
}

/* ── Descriptors of others ────────────────────────────────────────────── */

static int of_a_descriptor(void *arg)
{
    char buf[8];
    bide_file *file;
    int pair[2];
    (void)arg;
    int fd = open(on_desk("f"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK_INT(write(fd, "abcdef", 6), 6);
    CHECK_OK(bide_file_open_fd(fd, &file));
    CHECK_INT(bide_file_fileno(file), fd);
    CHECK_INT(bide_file_read(file, buf, 3), 3);
    CHECK_MEM(buf, "abc", 3);
    CHECK_INT(bide_file_write_at(file, "x", 1, 0), 1);
    CHECK_OK(bide_file_close(file));
    CHECK_INT(fcntl(fd, F_GETFD), -1); /* it was the file's */
    CHECK_ERR(bide_file_open_fd(fd, &file), -EBADF);
    CHECK_OK(pipe2(pair, O_CLOEXEC));
    CHECK_ERR(bide_file_open_fd(pair[0], &file), -ESPIPE);
    CHECK_OK(fcntl(pair[0], F_GETFD)); /* it is still ours */
    close(pair[0]);
    close(pair[1]);
    return 0;
}

TEST(a_file_is_made_of_a_descriptor)
{
    run_both_ways(of_a_descriptor);
}
