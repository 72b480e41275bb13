/* SPDX-License-Identifier: MIT */
/*
 * watchdog.c — in debug mode, look where a step is that takes too long.
 *
 * When a slow step has ended, its frames are gone. So a thread of its own
 * watches the loop, and when a step exceeds the limit it sends the loop's
 * thread a signal, whose handler takes the backtrace there and then:
 *
 *     loop      step 7 begins ─────────────────────── ends ─► report
 *     watchdog  looks … looks … over the limit ─► SIGURG
 *     handler                                       └─► backtrace
 *
 * A thread, and not a timer of the loop's: a timer would have to be set and
 * cleared at each step, or would interrupt innocent ones. The signal does cut
 * sleep(3) and its like short, which the report then says; calls that the
 * kernel restarts go on. SIGURG is ignored where nobody handles it, and who
 * handles it expects false alarms.
 *
 * Invariants: `step` is odd while a step runs and grows by one at each
 * beginning and end. The thread looks at least four times within the limit
 * while steps run, and sleeps when none has begun for as long. A signal is
 * sent under the lock, which the loop's thread takes at the end of a step
 * that was asked for: so the thread that is signalled exists.
 */
#include "task/watchdog.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#define LOOKS 4              /* within the limit */
#define PERIOD_NS_MIN 1000000
#define THREAD_STACK ((size_t)128 << 10)

struct bide__watchdog {
    int64_t limit_ns;
    int64_t period_ns;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;   /* on CLOCK_MONOTONIC */
    pthread_t watched;     /* written under the lock */
    bool has_watched;
    bool ending;           /* under the lock */
    atomic_bool asleep;    /* the thread waits for a step to begin */
    _Atomic uint64_t step;
    _Atomic uint64_t asked; /* the step that the signal is about */
    _Atomic int64_t begin_ns;

    /* Only the loop's thread, and its handler. */
    volatile sig_atomic_t traced;
    bool cut;
    struct bide__trace trace;
};

/* ── The handler ──────────────────────────────────────────────────────── */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned installed;      /* watchdogs; under the lock */
static struct sigaction before; /* what handled the signal before */

static void pass_on(int number, siginfo_t *info, void *context)
{
    if (before.sa_flags & SA_SIGINFO)
        before.sa_sigaction(number, info, context);
    else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
        before.sa_handler(number);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    struct bide__watchdog *watchdog =
        bide__loop ? bide__loop->watchdog : NULL;
    if (info->si_code != SI_TKILL || !watchdog) {
        pass_on(number, info, context);
    } else if (atomic_load(&watchdog->asked) ==
                   atomic_load(&watchdog->step) &&
               !watchdog->traced) {
        bide__trace_signal(&watchdog->trace, context);
        watchdog->cut = bide__trace_cut_short(context);
        watchdog->traced = true;
    }
    errno = saved;
}

static void install(void)
{
    pthread_mutex_lock(&lock);
    if (installed++ == 0) {
        struct sigaction action = {
            .sa_sigaction = on_signal,
            .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK,
        };
        sigemptyset(&action.sa_mask);
        sigaction(SIGURG, &action, &before);
    }
    pthread_mutex_unlock(&lock);
}

/* Whether the handler is still ours: the program may have set its own. */
static bool is_ours(void)
{
    struct sigaction current;
    sigaction(SIGURG, NULL, &current);
    return (current.sa_flags & SA_SIGINFO) &&
           current.sa_sigaction == on_signal;
}

static void uninstall(void)
{
    pthread_mutex_lock(&lock);
    if (--installed == 0 && is_ours())
        sigaction(SIGURG, &before, NULL);
    pthread_mutex_unlock(&lock);
}

/* ── The thread ───────────────────────────────────────────────────────── */

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void wait_until(struct bide__watchdog *watchdog, int64_t when_ns)
{
    const struct timespec when = {
        .tv_sec = (time_t)(when_ns / 1000000000),
        .tv_nsec = (long)(when_ns % 1000000000),
    };
    (void)pthread_cond_timedwait(&watchdog->wake, &watchdog->lock, &when);
}

/* The step may end at any moment: see the invariants above. */
static void ask(struct bide__watchdog *watchdog, uint64_t step)
{
    atomic_store(&watchdog->asked, step);
    if (atomic_load(&watchdog->step) == step && is_ours())
        (void)pthread_kill(watchdog->watched, SIGURG);
}

/* No step has begun for long: wait for one, however long it takes. */
static void sleep_until_a_step(struct bide__watchdog *watchdog, uint64_t step)
{
    atomic_store(&watchdog->asleep, true);
    while (atomic_load(&watchdog->step) == step && !watchdog->ending)
        pthread_cond_wait(&watchdog->wake, &watchdog->lock);
    atomic_store(&watchdog->asleep, false);
}

static void *watch(void *arg)
{
    struct bide__watchdog *watchdog = arg;
    uint64_t seen = 0;
    int64_t since_ns = now(); /* when `seen` was seen first */
    pthread_mutex_lock(&watchdog->lock);
    while (!watchdog->ending) {
        uint64_t step = atomic_load(&watchdog->step);
        int64_t now_ns = now();
        if (step != seen) {
            seen = step;
            since_ns = now_ns;
        }
        bool runs = step % 2 == 1;
        if (runs && atomic_load(&watchdog->asked) != step &&
            now_ns - atomic_load(&watchdog->begin_ns) > watchdog->limit_ns)
            ask(watchdog, step);
        if (now_ns - since_ns > 2 * watchdog->limit_ns)
            sleep_until_a_step(watchdog, step);
        else
            wait_until(watchdog, now_ns + watchdog->period_ns);
    }
    pthread_mutex_unlock(&watchdog->lock);
    return NULL;
}

static int start_thread(struct bide__watchdog *watchdog)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREAD_STACK);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&watchdog->thread, &attributes, watch,
                               watchdog);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

/* ── For the loop ─────────────────────────────────────────────────────── */

struct bide__watchdog *bide__watchdog_new(int64_t limit_ns)
{
    struct bide__watchdog *watchdog = bide__calloc(1, sizeof *watchdog);
    if (!watchdog)
        return NULL;
    watchdog->limit_ns = limit_ns;
    watchdog->period_ns =
        limit_ns / LOOKS > PERIOD_NS_MIN ? limit_ns / LOOKS : PERIOD_NS_MIN;
    pthread_mutex_init(&watchdog->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watchdog->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    bide__trace_prepare();
    install();
    if (start_thread(watchdog) == 0)
        return watchdog;
    uninstall();
    pthread_cond_destroy(&watchdog->wake);
    pthread_mutex_destroy(&watchdog->lock);
    bide__free(watchdog);
    return NULL;
}

static void watch_this_thread(struct bide__watchdog *watchdog)
{
    pthread_mutex_lock(&watchdog->lock);
    watchdog->watched = pthread_self();
    watchdog->has_watched = true;
    pthread_mutex_unlock(&watchdog->lock);
}

void bide__watchdog_begin(struct bide__watchdog *watchdog, int64_t now_ns)
{
    if (!watchdog->has_watched ||
        !pthread_equal(watchdog->watched, pthread_self()))
        watch_this_thread(watchdog);
    watchdog->traced = false;
    atomic_store(&watchdog->begin_ns, now_ns);
    atomic_fetch_add(&watchdog->step, 1);
    if (!atomic_load(&watchdog->asleep))
        return;
    pthread_mutex_lock(&watchdog->lock);
    pthread_cond_signal(&watchdog->wake);
    pthread_mutex_unlock(&watchdog->lock);
}

const struct bide__trace *bide__watchdog_end(struct bide__watchdog *watchdog,
                                             bool *ret_cut)
{
    uint64_t step = atomic_fetch_add(&watchdog->step, 1);
    if (atomic_load(&watchdog->asked) == step) {
        pthread_mutex_lock(&watchdog->lock); /* it may be signalling us */
        pthread_mutex_unlock(&watchdog->lock);
    }
    *ret_cut = watchdog->cut;
    return watchdog->traced ? &watchdog->trace : NULL;
}

void bide__watchdog_free(struct bide__watchdog *watchdog)
{
    if (!watchdog)
        return;
    pthread_mutex_lock(&watchdog->lock);
    watchdog->ending = true;
    pthread_cond_signal(&watchdog->wake);
    pthread_mutex_unlock(&watchdog->lock);
    pthread_join(watchdog->thread, NULL);
    uninstall();
    pthread_cond_destroy(&watchdog->wake);
    pthread_mutex_destroy(&watchdog->lock);
    bide__free(watchdog);
}
