/* SPDX-License-Identifier: MIT */
/*
 * <bide/signal.h> — signals as events of a loop.
 *
 *     const int numbers[] = {SIGHUP, SIGTERM};
 *     bide_signals *signals;
 *     int rc = bide_signals_open(numbers, 2, &signals);
 *     while (rc >= 0) {
 *         rc = bide_signals_wait(signals);      // the number
 *         if (rc == SIGHUP)
 *             reload();
 *         ...
 *     }
 *     bide_signals_close(signals);
 *
 * Several loops, in several threads, may ask for the same signal: each of them
 * gets it. A signal that comes several times before a loop has looked is told
 * once, as the kernel does; none is lost. While anybody asks, the signal does
 * not have its own effect; when the last one stops asking, what was in place
 * before is restored. No handler is installed for what nobody asked for.
 *
 * Asking for SIGINT replaces what bide_run() does on it. Signals that the
 * thread has blocked by sigprocmask(2) do not arrive. In a child of fork(2),
 * all dispositions are those from before.
 */
#ifndef BIDE_SIGNAL_H
#define BIDE_SIGNAL_H

#include <bide/task.h>

BIDE_BEGIN

/* Signals that are being caught for one waiting task. */
typedef struct bide_signals bide_signals;

/* Loops that can ask for signals at the same time. */
#define BIDE_SIGNAL_LOOPS_MAX 256

/* ── Waiting ──────────────────────────────────────────────────────────── */

/*
 * bide_signals_open — begin to catch signals.
 *
 * Returns:  0 or a negative code.
 *   numbers       signals, each once or more
 *   count         how many
 *   ret_signals   set on success
 * Suspends: never.
 * Errors:   -EINVAL for a number that is no signal, cannot be caught (SIGKILL,
 *           SIGSTOP), or tells of a fault of the program (SIGSEGV, SIGBUS,
 *           SIGFPE, SIGILL); -ENOSPC in more than BIDE_SIGNAL_LOOPS_MAX
 *           loops; -ENOMEM
 * Owns:     the caller ends it by bide_signals_close().
 * Thread:   the loop's.
 * Source:   sigaction(2), signal(7).
 */
BIDE_API BIDE_NODISCARD int bide_signals_open(const int *numbers, size_t count,
                                              bide_signals **ret_signals);

/*
 * bide_signals_wait — wait for one of them.
 *
 * What came since the last call, or since opening, is told at once. Of
 * several, the lowest number comes first.
 *
 * Returns:  the number, or a negative code.
 * Suspends: always a cancellation point. One task waits at a time.
 * Cancel:   safe; no signal gets lost.
 * Errors:   -ECANCELED; -EBADF it was closed meanwhile
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Source:   sigwaitinfo(2).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_signals_wait(bide_signals *signals);

/*
 * bide_signals_close — stop catching them; what was in place is restored.
 *
 *   signals   NULL is allowed
 * Suspends: never.
 * Owns:     takes it.
 * Thread:   the loop's.
 */
BIDE_API void bide_signals_close(bide_signals *signals);

/*
 * bide_signal_wait — wait for a signal once.
 *
 * It is caught during the call alone; before and after it, it has the effect
 * that it had. To wait for it again and again, use bide_signals_open().
 *
 * Returns:  number, or a negative code.
 *   number   SIGUSR1 and the like
 * Suspends: always a cancellation point.
 * Cancel:   safe.
 * Errors:   -ECANCELED; those of bide_signals_open()
 * Owns:     nothing moves.
 * Thread:   the loop's.
 * Source:   sigwaitinfo(2).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_signal_wait(int number);

/* ── Handlers ─────────────────────────────────────────────────────────── */

/*
 * bide_loop_add_signal_handler — have a function called on a signal.
 *
 * It is called by the loop, outside of tasks and not in the signal's context:
 * it may do what any callback may. One that was there is replaced; the end of
 * the loop removes it.
 *
 * Returns:  0 or a negative code.
 *   number   as for bide_signals_open()
 *   fn       may not suspend
 *   arg      passed to fn; borrowed
 * Suspends: never.
 * Errors:   as bide_signals_open()
 * Thread:   the loop's.
 * Like:     loop.add_signal_handler.
 */
BIDE_API BIDE_NODISCARD int
bide_loop_add_signal_handler(bide_loop *loop, int number,
                             void (*fn)(int number, void *arg), void *arg);

/*
 * bide_loop_remove_signal_handler — take it back.
 *
 * Returns:  true if there was one. What had been in place before is restored,
 *           not the default as in asyncio.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     loop.remove_signal_handler.
 */
BIDE_API bool bide_loop_remove_signal_handler(bide_loop *loop, int number);

BIDE_END

#endif
