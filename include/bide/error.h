/* SPDX-License-Identifier: MIT */
/*
 * <bide/error.h> — codes, names and messages of errors.
 *
 * A function that can fail returns a negative code. Errors of the operating
 * system are -errno; what no errno says has a BIDE_E_ code below -4096. A
 * coroutine raises by returning such a code, and bide_raise() attaches a
 * message to it that travels to whoever awaits the task:
 *
 *     if (len > max)
 *         return bide_raise(-EMSGSIZE, "%zu bytes, at most %zu", len, max);
 *     ...
 *     rc = bide_await(task);
 *     if (rc < 0)
 *         fprintf(stderr, "%s: %s\n", bide_errname(rc), bide_errmsg(rc));
 *
 * Codes that always mean the same:
 *
 *     -ECANCELED   this task was cancelled        asyncio.CancelledError
 *     -ETIME       a deadline of ours passed      TimeoutError
 *     -ETIMEDOUT   the peer or the kernel gave up OSError(ETIMEDOUT)
 *     -ESHUTDOWN   the queue was shut down        asyncio.QueueShutDown
 *     -EINVAL      a value that may come from data is unusable   ValueError
 *     -ENOMEM      out of memory                  MemoryError
 */
#ifndef BIDE_ERROR_H
#define BIDE_ERROR_H

#include <bide/base.h>

/*
 * The codes that no errno says: X(name, code, text). One table makes the
 * constants, bide_errname() and bide_strerror(), so they cannot drift apart.
 */
#define BIDE_ERRORS(X)                                                        \
    X(INCOMPLETE, -4096, "the stream ended before all bytes had come")        \
    X(LIMIT, -4097, "a limit was reached before the separator was found")     \
    X(BROKEN_BARRIER, -4098, "the barrier was broken or reset")               \
    X(INVALID_STATE, -4099, "the future is already done, or not yet")         \
    X(TLS, -4128, "the secure connection failed")                             \
    X(TLS_CERTIFICATE, -4129, "the certificate of the peer was refused")      \
    X(TLS_TRUNCATED, -4130, "the connection was cut off without a good-bye")  \
    X(HTTP_STATUS, -4160, "the server answered with an error status")         \
    X(DNS_NOT_FOUND, -4196, "the host name is not known")                     \
    X(DNS_TEMPORARY, -4197, "name resolution failed for now, try again")      \
    X(DNS_FAILED, -4198, "name resolution failed")                            \
    X(DNS_SERVICE, -4199, "the service is not known for this socket type")     \
    X(TEST_FAILED, -4296, "a check of a test failed")                         \
    X(TEST_SKIPPED, -4297, "the test was skipped")                            \
    X(SQL, -4796, "the database refused the statement")                       \
    X(SQL_CONSTRAINT, -4797, "a constraint of the database was violated")     \
    X(SQL_CONFLICT, -4798, "others were in the way, try again")               \
    X(SQL_CONNECTION, -4799, "there is no connection to the database")        \
    X(WEB_ERROR, -4696, "the request was answered by an error")               \
    X(REDIS, -4896, "the Redis server refused the command")

enum {
#define BIDE__ERROR_CONSTANT(name, code, text) BIDE_E_##name = code,
    BIDE_ERRORS(BIDE__ERROR_CONSTANT)
#undef BIDE__ERROR_CONSTANT
};

/* Bytes that a message holds, its closing NUL included; longer ones are cut
 * and end in "...". */
#define BIDE_ERRMSG_MAX 200

BIDE_BEGIN

/*
 * bide_raise — attach a message to an error code; use as
 * `return bide_raise(code, ...)`.
 *
 * The message replaces the one before it. It is kept in the running task, or
 * in the thread when no task runs, and moves to whoever awaits the task.
 *
 *   code     negative; returned unchanged
 *   format   as printf(3): one line, no full stop, naming the offending
 *            value and the limit
 *
 * Returns:  code.
 * Suspends: never.
 * Errors:   none; a message that does not fit is cut.
 * Thread:   any.
 * Like:     the raise statement.
 */
BIDE_API int bide_raise(int code, const char *format, ...) BIDE_PRINTF(2, 3);

/*
 * bide_errmsg — the message that belongs to a code.
 *
 * Returns:  the message last raised or received in this task (outside tasks:
 *           in this thread) if it was raised with this very code, else
 *           bide_strerror(code): a stale message never describes another
 *           error. Borrowed; valid until the task's next failing call.
 * Suspends: never.
 * Thread:   any.
 * Like:     str(exception).
 */
BIDE_API const char *bide_errmsg(int code);

/*
 * bide_errname — the symbolic name of a code, "EINVAL" or "BIDE_E_LIMIT".
 *
 * Returns:  a static string; "OK" for codes >= 0 and "unknown error" for one
 *           that has no name.
 * Suspends: never.
 * Thread:   any.
 * Like:     type(exception).__name__, errno.errorcode.
 */
BIDE_API const char *bide_errname(int code);

/*
 * bide_strerror — the general text of a code, without any message.
 *
 * Returns:  a static string, the text of strerror(3) in the C locale for
 *           errno values.
 * Suspends: never.
 * Thread:   any.
 * Like:     os.strerror.
 */
BIDE_API const char *bide_strerror(int code);

BIDE_END

#endif
