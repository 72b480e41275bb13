/* SPDX-License-Identifier: MIT */
/*
 * whole.c — a file, or the rest of one, into memory.
 *
 * Most files are small. So the first read goes into a buffer of a guessed
 * size, without asking for the size first; a small file costs four system
 * calls: open, read, read that finds the end, close. Only one that fills the
 * buffer is asked for its size, which is a hint and no more: the end is where
 * a read finds it.
 *
 * The memory is the user's to free, so it is malloc's.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file/file.h"

#define GUESS 16384

/* Bytes that may be left over behind the content. */
#define WASTE_MAX 64

struct memory {
    char *data;
    size_t len;
    size_t cap;
    size_t max; /* of len */
};

/* How much to have next: twice as much, or what is said to be missing, and
 * one byte more to find the end there. One more than `max` is enough to see
 * that it is too much. */
static size_t next_cap(const struct memory *memory, int fd, int64_t offset)
{
    struct statx status;
    size_t cap = memory->cap ? 2 * memory->cap : GUESS;
    if (memory->cap == GUESS &&
        statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_SIZE,
              &status) == 0 &&
        (int64_t)status.stx_size - offset > (int64_t)memory->len)
        cap = (size_t)((int64_t)status.stx_size - offset) + 2;
    return cap < memory->max + 2 ? cap : memory->max + 2;
}

static int resize(struct memory *memory, size_t cap)
{
    char *data = bide__plain_realloc(memory->data, cap);
    if (!data)
        return bide_raise(-ENOMEM, "no memory for %zu bytes of a file", cap);
    memory->data = data;
    memory->cap = cap;
    return 0;
}

/* Returns 0 at the end of the file. */
static int read_to_the_end(bide_file *file, int64_t offset,
                           struct memory *memory,
                           const struct bide__wait *wait)
{
    for (;;) {
        int rc = resize(memory, next_cap(memory, file->fd.fd, offset));
        if (rc < 0)
            return rc;
        size_t room = memory->cap - 1 - memory->len;
        int64_t n = bide__file_fill(file, memory->data + memory->len, room,
                                    offset + (int64_t)memory->len, wait);
        if (n < 0)
            return (int)n;
        memory->len += (size_t)n;
        if (memory->len > memory->max)
            return bide_raise(-EFBIG, "more than %zu bytes", memory->max);
        if ((size_t)n < room)
            return 0;
    }
}

int bide__file_slurp(bide_file *file, int64_t offset, size_t max,
                     char **ret_data, size_t *ret_len,
                     const struct bide__wait *wait)
{
    struct memory memory = {.max = max};
    int rc = read_to_the_end(file, offset, &memory, wait);
    if (rc == 0 && memory.cap - memory.len > WASTE_MAX)
        rc = resize(&memory, memory.len + 1);
    if (rc < 0) {
        bide__plain_free(memory.data);
        return rc;
    }
    memory.data[memory.len] = '\0';
    *ret_data = memory.data;
    *ret_len = memory.len;
    return 0;
}

int bide_file_readall(bide_file *file, char **ret_data, size_t *ret_len)
{
    static const struct bide__wait wait = {
        .name = "bide_file_readall",
        .cancel = bide__op_wait_cancel,
    };
    int rc = bide__file_enter_turn(file, wait.name);
    if (rc < 0)
        return rc;
    size_t len = 0;
    rc = bide__file_slurp(file, file->position, BIDE_READ_FILE_MAX, ret_data,
                          &len, &wait);
    if (rc == 0) {
        file->position += (int64_t)len;
        *ret_len = len;
    }
    bide__file_leave_turn(file);
    return rc;
}

static const struct bide__wait read_wait = {
    .name = "bide_read_file",
    .cancel = bide__op_wait_cancel,
};

/* The handle lies here: nobody else has it, so it is in no list. */
static int read_descriptor(bide_task *self, int fd, int flags, size_t max,
                           char **ret_data, size_t *ret_len)
{
    bide_file file;
    bide__file_init(&file, self->loop, fd, flags);
    int rc = bide__file_slurp(&file, 0, max, ret_data, ret_len, &read_wait);
    bide__file_fini(&file);
    close(fd);
    return rc;
}

int bide_read_file_max(const char *path, size_t max, char **ret_data,
                       size_t *ret_len)
{
    bide_task *self = bide__enter("bide_read_file");
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    if (max > BIDE_READ_FILE_MAX)
        return bide_raise(-EINVAL, "max is %zu bytes, at most %zu", max,
                          BIDE_READ_FILE_MAX);
    int flags = O_RDONLY;
    int fd = bide__open(self, path, &flags, 0, &read_wait);
    if (fd < 0)
        return fd;
    int rc = read_descriptor(self, fd, flags, max, ret_data, ret_len);
    if (rc == -EFBIG)
        return bide_raise(rc, "'%.120s' holds more than %zu bytes", path, max);
    return rc < 0 && rc != -ECANCELED ? bide__raise_path(rc, "reading", path)
                                      : rc;
}

int bide_read_file(const char *path, char **ret_data, size_t *ret_len)
{
    return bide_read_file_max(path, BIDE_READ_FILE_MAX, ret_data, ret_len);
}
