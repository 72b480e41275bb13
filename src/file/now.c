/* SPDX-License-Identifier: MIT */
/*
 * now.c — asking the kernel for what it can give without waiting.
 *
 * A file that was used lately lies in memory, name and data. Then a system
 * call on the loop's own thread costs less than any way of handing it to
 * someone else, and io_uring would do the very same within its submission.
 * RWF_NOWAIT and RESOLVE_CACHED make the kernel refuse where it would wait.
 *
 * Opening also sets O_NONBLOCK: whether a name leads to a pipe that waits for
 * its other end is known only when it is too late to turn back.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "file/file.h"

bool bide__file_try_now = true;

int bide__open_now(const char *path, int flags)
{
    const int making = O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
    if (!bide__file_try_now || (flags & making))
        return -EAGAIN;
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC | O_NONBLOCK),
        .resolve = RESOLVE_CACHED,
    };
    long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    if (fd >= 0)
        return (int)fd;
    return errno == ENOENT ? -ENOENT : -EAGAIN;
}

/*
 * Not every file system knows how not to wait. Those that keep their files in
 * memory need not: what may have been swapped out is no worse than the
 * program's own memory. To ask which one it is costs a call, as does the
 * attempt that is refused; so what the last file was tells what is tried
 * first for the next.
 */
static _Thread_local bool last_was_in_memory;

static void find_out(bide_file *file)
{
    struct statfs system;
    file->asked = true;
    file->memory = fstatfs(file->fd.fd, &system) == 0 &&
                   (system.f_type == TMPFS_MAGIC ||
                    system.f_type == RAMFS_MAGIC);
    last_was_in_memory = file->memory;
}

ssize_t bide__file_read_now(bide_file *file, const struct iovec *iov,
                            size_t count, int64_t offset)
{
    if (!file->now || !bide__file_try_now)
        return -EAGAIN;
    if (last_was_in_memory && !file->asked)
        find_out(file);
    for (;;) {
        ssize_t n = preadv2(file->fd.fd, iov, (int)count, offset,
                            file->memory ? 0 : RWF_NOWAIT);
        if (BIDE__LIKELY(n >= 0))
            return n;
        if (errno != EOPNOTSUPP && errno != ENOSYS)
            return -EAGAIN; /* an error the other way will give as well */
        if (!file->asked)
            find_out(file);
        else
            file->memory = false;
        if (!file->memory) {
            file->now = false;
            return -EAGAIN;
        }
    }
}
