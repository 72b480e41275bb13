/* SPDX-License-Identifier: MIT */
/*
 * <bide/file.h> — files without blocking the loop.
 *
 * Whole files in one call, and handles for more:
 *
 *     char *text;
 *     size_t len;
 *     int rc = bide_read_file("motd", &text, &len);
 *     ...
 *     free(text);
 *
 *     bide_file *log;
 *     rc = bide_file_open("log", "a", &log);
 *     ...
 *     ssize_t n = bide_file_write(log, line, len);
 *     ...
 *     rc = bide_file_close(log);
 *
 * What is in memory already is read at once; for the rest the task waits,
 * while the kernel or a thread works. Nothing is buffered for writing, so
 * there is nothing to flush: when a call returns, the system has the bytes,
 * and bide_file_fsync() brings them to the disk.
 *
 * For regular files, block devices and the like of /dev/zero. Pipes, sockets
 * and terminals are streams (bide_stream_open()): reading them here gives
 * -ESPIPE.
 *
 * Beyond RLIMIT_FSIZE the result is -EFBIG where SIGXFSZ is ignored; the
 * signal would end the process, as it does with write(2).
 */
#ifndef BIDE_FILE_H
#define BIDE_FILE_H

#include <bide/stream.h>

struct iovec;
struct stat;

BIDE_BEGIN

typedef struct bide_file bide_file;

/* Bytes that bide_read_file() and bide_file_readall() read at most. */
#define BIDE_READ_FILE_MAX ((size_t)1 << 30)

/* ── Whole files ──────────────────────────────────────────────────────── */

/*
 * bide_read_file — read a whole file into memory.
 *
 * Reads up to the end as it is when it gets there: what is appended meanwhile
 * belongs to it, what is cut off meanwhile does not.
 *
 * Returns:  0 or a negative code.
 *   path       borrowed during the call
 *   ret_data   set on success; a NUL that is not counted follows the bytes
 *   ret_len    set on success, in bytes
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing is left behind.
 * Errors:   -ENOENT, -EACCES, -EISDIR and those of open(2) and read(2), with
 *           a message that names the path; -EFBIG beyond BIDE_READ_FILE_MAX;
 *           -ENOMEM
 * Owns:     the caller releases *ret_data by free(3): it is from malloc(3)
 *           itself, whatever bide_set_allocator() was given.
 * Thread:   the loop's.
 * Like:     aiofiles.open and read; pathlib.Path.read_bytes.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_read_file(const char *path, char **ret_data, size_t *ret_len);

/*
 * bide_read_file_max — the same with a limit.
 *
 * Returns:  0 or a negative code.
 *   max   bytes; a file that holds more gives -EFBIG
 *   path, ret_data, ret_len   as for bide_read_file()
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing is left behind.
 * Errors:   as bide_read_file(); -EINVAL for max above BIDE_READ_FILE_MAX
 * Owns:     as bide_read_file().
 * Thread:   the loop's.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_read_file_max(const char *path, size_t max, char **ret_data,
                   size_t *ret_len);

/*
 * bide_write_file — make a file's content be these bytes.
 *
 * The file is created, or emptied first. On failure it holds a prefix: where
 * that matters, use bide_write_file_atomic().
 *
 * Returns:  0 or a negative code.
 *   path        borrowed during the call; permissions of a new file are 0666
 *               less the umask
 *   data, len   bytes; borrowed during the call
 * Suspends: always a cancellation point.
 * Cancel:   the file may hold a prefix.
 * Errors:   -ENOENT, -EACCES, -EISDIR, -ENOSPC, -EDQUOT, -EFBIG, -EIO and
 *           those of open(2), write(2) and close(2), with a message that
 *           names the path
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     aiofiles.open and write; pathlib.Path.write_bytes.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_write_file(const char *path, const void *data, size_t len);

/*
 * bide_write_file_atomic — replace a file's content as a whole, on the disk.
 *
 * Writes a temporary file in the same directory, brings it to the disk and
 * renames it. At any time, after a crash too, the path leads to the old
 * content or to all of the new. Permissions of an old file are kept, its
 * owner is not; a symbolic link is replaced, not followed.
 *
 * Returns:  0 or a negative code.
 *   path, data, len   as for bide_write_file()
 * Suspends: always a cancellation point.
 * Cancel:   safe: the old file is untouched and nothing is left behind.
 * Errors:   as bide_write_file(), and the old file is untouched; but an error
 *           of bringing the directory to the disk comes after the renaming
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Source:   rename(2), fsync(2).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_write_file_atomic(const char *path, const void *data, size_t len);

/* ── Opening and closing ──────────────────────────────────────────────── */

/*
 * bide_file_open — open a file.
 *
 * Returns:  0 or a negative code.
 *   path       borrowed during the call
 *   mode       "r" read; "w" write, created or emptied; "a" append, created
 *              if need be; "x" write, must not exist; each with "+" for
 *              reading and writing; a "b" anywhere but first means nothing
 *   ret_file   set on success; its position is 0, with "a" the end
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing is opened. "w" may have emptied the file, and "w",
 *           "a" and "x" may have created it.
 * Errors:   -ENOENT, -EEXIST, -EACCES, -EISDIR, -EMFILE and those of open(2),
 *           with a message that names the path; -EINVAL for mode; -ENOMEM
 * Owns:     the caller closes the file by bide_file_close(); what is left
 *           open is closed at the loop's end.
 * Thread:   the loop's.
 * Like:     aiofiles.open.
 * Source:   open(2); O_CLOEXEC is set, new files get 0666 less the umask.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_file_open(const char *path, const char *mode, bide_file **ret_file);

/*
 * bide_file_open_flags — the same with the flags of open(2).
 *
 * Returns:  0 or a negative code.
 *   flags         O_RDONLY, O_WRONLY or O_RDWR, with any of the others;
 *                 O_CLOEXEC is added, O_NONBLOCK is taken out
 *   permissions   of a new file, less the umask
 *   path, ret_file   as for bide_file_open()
 * Suspends: always a cancellation point.
 * Cancel:   as bide_file_open().
 * Errors:   as bide_file_open()
 * Owns:     as bide_file_open().
 * Thread:   the loop's.
 * Like:     os.open.
 * Source:   open(2).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_file_open_flags(const char *path, int flags, unsigned permissions,
                     bide_file **ret_file);

/*
 * bide_file_open_fd — make a file of a descriptor.
 *
 * Its position here is the beginning, or the end if it was opened for
 * appending.
 *
 * Returns:  0 or a negative code.
 *   fd         of a regular file, a block device or the like; O_NONBLOCK may be
 *              taken off
 *   ret_file   set on success
 * Suspends: never.
 * Errors:   -EBADF; -ESPIPE for what is a stream; -ENOMEM
 * Owns:     takes fd on success; it is the caller's on failure.
 * Thread:   the loop's.
 * Like:     os.fdopen.
 */
BIDE_API BIDE_NODISCARD int bide_file_open_fd(int fd, bide_file **ret_file);

/*
 * bide_temporary_file — a file without a name, which goes when it is closed.
 *
 * Returns:  0 or a negative code.
 *   directory   where; NULL: $TMPDIR, or /tmp
 *   ret_file    set on success; for reading and writing
 * Suspends: always a cancellation point.
 * Cancel:   safe; nothing is left behind.
 * Errors:   as bide_file_open()
 * Owns:     as bide_file_open().
 * Thread:   the loop's.
 * Like:     aiofiles.tempfile.TemporaryFile.
 * Source:   open(2) with O_TMPFILE.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_temporary_file(const char *directory, bide_file **ret_file);

/*
 * bide_file_close — close a file and release it.
 *
 * Tasks that still read or write it get -EBADF, and are waited for.
 *
 * Returns:  0; or what close(2) says of earlier writes, with the file closed
 *           all the same; or, if that went well, -ECANCELED if the caller was
 *           cancelled meanwhile, after the same steps.
 *   file   NULL is allowed; one that is being closed already is misuse
 * Suspends: always; a request to cancel is delivered after the last step.
 * Cancel:   the file is closed all the same.
 * Errors:   -EIO, -ENOSPC, -EDQUOT; -ECANCELED
 * Owns:     takes the file.
 * Thread:   the loop's.
 * Like:     aiofiles' close.
 * Source:   close(2).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_file_close(bide_file *file);

/*
 * bide_file_fileno — the descriptor under a file.
 *
 * Returns:  the descriptor, which stays the file's. Its own position has
 *           nothing to do with bide_file_tell().
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     aiofiles' fileno.
 */
BIDE_API int bide_file_fileno(const bide_file *file);

/* ── Reading and writing at the position ──────────────────────────────── */

/* Tasks that use the position of one file at the same time take turns. */

/*
 * bide_file_read — read len bytes, fewer only at the end of the file.
 *
 * Returns:  how many were read, 0 at the end, or a negative code.
 *   buf   the caller's memory; unspecified beyond what was read
 *   len   bytes, 0..BIDE_IO_MAX
 * Suspends: always a cancellation point.
 * Cancel:   safe; the position has not moved.
 * Errors:   -ECANCELED; -EBADF the file was closed meanwhile, or is not open
 *           for reading; -EINVAL for len; -EISDIR, -ESPIPE, -EIO and those of
 *           read(2), after which the position has not moved
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     aiofiles' read and readinto.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t bide_file_read(bide_file *file,
                                                             void *buf,
                                                             size_t len);

/*
 * bide_file_readall — read from the position to the end.
 *
 * Returns:  0 or a negative code.
 *   ret_data, ret_len   as for bide_read_file()
 * Suspends: always a cancellation point.
 * Cancel:   safe; the position has not moved.
 * Errors:   as bide_file_read(); -EFBIG beyond BIDE_READ_FILE_MAX; -ENOMEM
 * Owns:     as bide_read_file().
 * Thread:   the loop's.
 * Like:     aiofiles' read without a size.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_file_readall(bide_file *file, char **ret_data, size_t *ret_len);

/*
 * bide_file_readline — read a line with its "\n"; at the end of the file,
 * what is left of one.
 *
 * Reads ahead; what others write to the file meanwhile may be missed, what
 * this handle writes is not.
 *
 * Returns:  the number of bytes, 0 at the end; NUL-terminated if there is
 *           room for it. Or a negative code.
 *   buf   the caller's memory
 *   max   bytes of buf, 1..BIDE_IO_MAX
 * Suspends: always a cancellation point.
 * Cancel:   safe; the position has not moved.
 * Errors:   BIDE_E_LIMIT for a longer line, which is still there to read;
 *           otherwise as bide_file_read(); -ENOMEM
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     aiofiles' readline, and iterating over the file.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_file_readline(bide_file *file, char *buf, size_t max);

/*
 * bide_file_write — write len bytes, all of them.
 *
 * Returns:  len, or a negative code.
 *   buf   borrowed during the call
 *   len   bytes, 0..BIDE_IO_MAX
 * Suspends: always a cancellation point.
 * Cancel:   a prefix may have been written; the position has not moved.
 * Errors:   -ECANCELED; -EBADF the file was closed meanwhile, or is not open
 *           for writing; -EINVAL for len; -ENOSPC, -EDQUOT, -EFBIG, -EIO and
 *           those of write(2), after which a prefix may have been written and
 *           the position has not moved
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     aiofiles' write.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_file_write(bide_file *file, const void *buf, size_t len);

/*
 * bide_file_readv — read into several buffers, one after the other.
 *
 * Returns:  as bide_file_read(), of all buffers together.
 *   iov      borrowed during the call
 *   count    of buffers, 0..1024
 *   offset   bytes; or -1 for the position, which then moves
 * Suspends: always a cancellation point.
 * Cancel:   as bide_file_read().
 * Errors:   as bide_file_read(); -EINVAL for count and offset
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Source:   preadv2(2).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_file_readv(bide_file *file, const struct iovec *iov, size_t count,
                int64_t offset);

/*
 * bide_file_writev — write several buffers, one after the other.
 *
 * Returns:  as bide_file_write(), of all buffers together.
 *   iov      borrowed during the call, as the buffers
 *   count    of buffers, 0..1024
 *   offset   bytes; or -1 for the position, which then moves
 * Suspends: always a cancellation point.
 * Cancel:   as bide_file_write().
 * Errors:   as bide_file_write(); -EINVAL for count and offset
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     aiofiles' writelines.
 * Source:   pwritev2(2).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_file_writev(bide_file *file, const struct iovec *iov, size_t count,
                 int64_t offset);

/*
 * bide_file_seek — move the position.
 *
 * Returns:  the new position in bytes, or a negative code.
 *   offset   bytes
 *   whence   SEEK_SET, SEEK_CUR, or SEEK_END: of the end that the kernel
 *            knows, on a network without asking the server
 * Suspends: never.
 * Errors:   -EINVAL for whence and for a position below 0; -EBADF
 * Thread:   the loop's. A call in progress that uses the position makes it
 *           what it comes to.
 * Like:     aiofiles' seek.
 */
BIDE_API BIDE_NODISCARD int64_t bide_file_seek(bide_file *file, int64_t offset,
                                               int whence);

/*
 * bide_file_tell — the position.
 *
 * Returns:  bytes from the beginning.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     aiofiles' tell.
 */
BIDE_API int64_t bide_file_tell(const bide_file *file);

/* ── Reading and writing anywhere ─────────────────────────────────────── */

/* Any number of tasks at the same time; the position stays. */

/*
 * bide_file_read_at — read len bytes at an offset, fewer only at the end.
 *
 * Returns:  how many were read, 0 at or beyond the end, or a negative code.
 *   buf      the caller's memory; unspecified beyond what was read
 *   len      bytes, 0..BIDE_IO_MAX
 *   offset   bytes, >= 0
 * Suspends: always a cancellation point.
 * Cancel:   safe.
 * Errors:   as bide_file_read(); -EINVAL for offset
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     os.pread.
 * Source:   pread(2).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_file_read_at(bide_file *file, void *buf, size_t len, int64_t offset);

/*
 * bide_file_write_at — write len bytes at an offset, all of them.
 *
 * Returns:  len, or a negative code.
 *   buf      borrowed during the call
 *   len      bytes, 0..BIDE_IO_MAX
 *   offset   bytes, >= 0; without effect in a file opened for appending
 * Suspends: always a cancellation point.
 * Cancel:   a prefix may have been written.
 * Errors:   as bide_file_write(); -EINVAL for offset
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     os.pwrite.
 * Source:   pwrite(2).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_file_write_at(bide_file *file, const void *buf, size_t len,
                   int64_t offset);

/* ── The file itself ──────────────────────────────────────────────────── */

/*
 * bide_file_truncate — cut or extend a file to a size.
 *
 * Returns:  0 or a negative code.
 *   size   bytes, >= 0; a file that was shorter ends in zeroes
 * Suspends: always a cancellation point.
 * Cancel:   the size may have changed.
 * Errors:   -EINVAL for size and for a file not open for writing; -EFBIG,
 *           -EBADF, -EIO and those of ftruncate(2)
 * Owns:     nothing moves; the position stays.
 * Thread:   the loop's.
 * Like:     aiofiles' truncate.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_file_truncate(bide_file *file,
                                                             int64_t size);

/*
 * bide_file_fsync — wait until the disk has what was written.
 *
 * Returns:  0 or a negative code.
 * Suspends: always a cancellation point.
 * Cancel:   the disk may have it or not.
 * Errors:   -EIO, -ENOSPC, -EBADF, -EINVAL and those of fsync(2)
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     os.fsync.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_file_fsync(bide_file *file);

/*
 * bide_file_fdatasync — the same for what reading the bytes back needs.
 *
 * Returns:  0 or a negative code.
 * Suspends: always a cancellation point.
 * Cancel:   the disk may have it or not.
 * Errors:   as bide_file_fsync()
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     os.fdatasync.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_file_fdatasync(bide_file *file);

/*
 * bide_file_stat — size, times and permissions of an open file.
 *
 * Returns:  0 or a negative code.
 *   ret_status   filled on success, with what the kernel knows: on a network
 *                the server is not asked, as bide_stat() does
 * Suspends: never.
 * Errors:   -EBADF the file is being closed
 * Thread:   the loop's.
 * Like:     os.fstat.
 */
BIDE_API BIDE_NODISCARD int bide_file_stat(const bide_file *file,
                                           struct stat *ret_status);

/* ── From a file to a stream ──────────────────────────────────────────── */

/*
 * bide_sendfile — write a part of a file to a stream.
 *
 * To a socket or a pipe the bytes go without being copied through the
 * program; to a stream that encrypts they are read and written.
 *
 * Returns:  how many bytes were sent, or a negative code.
 *   stream   tasks that write at the same time take turns
 *   file     its position plays no part
 *   offset   bytes, >= 0
 *   count    bytes; or -1 for up to the end, as it is when it gets there
 * Suspends: always a cancellation point.
 * Cancel:   as bide_stream_write(): a prefix may have been sent, and the
 *           stream can then only be closed.
 * Errors:   BIDE_E_INCOMPLETE if the file ends before count bytes: what there
 *           was is sent, and the stream can only be closed; -EINVAL for
 *           offset and count; otherwise as bide_stream_write() and
 *           bide_file_read()
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Like:     loop.sendfile.
 * Source:   sendfile(2).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int64_t
bide_sendfile(bide_stream *stream, bide_file *file, int64_t offset,
              int64_t count);

BIDE_END

#endif
