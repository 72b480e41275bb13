/* SPDX-License-Identifier: MIT */
/*
 * dispatch.c — one signal handler for the process, any number of loops.
 *
 *     signal ──► on_signal ──► hub of each loop that wants it: pending |= bit
 *                                   └── posted? no: bide_engine_post
 *     loop's thread: run_hub ──► posted = false ──► run ──► take: pending = 0
 *
 * The handler may interrupt anything on any thread, so it takes no lock and
 * allocates nothing: the hubs are an array that is never freed. A signal that
 * comes while its bit is still set is the same signal to the loop, as it would
 * be to the kernel; a post is on its way at most once.
 *
 * A hub that is given back first loses its engine, and then waits until no
 * handler is inside (`users`), so none can use an engine that is gone. Both
 * orders, "I am inside, is there an engine" and "there is no engine, is anyone
 * inside", are sequentially consistent: one of the two sees the other. Such a
 * handler is on another thread, at work: waiting for it is short.
 *
 * The lock guards who wants what and the dispositions; the handler needs
 * neither. A fork takes it, so that the child finds both whole, and the child
 * goes back to the dispositions from before: the loops are its parent's.
 *
 * Invariant: our handler is installed for a signal, unless somebody has
 * replaced it meanwhile, as long as wanted[number].count > 0.
 */
#include "process/dispatch.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include <bide/signal.h>

#include "base/base.h"

struct bide__hub {
    bide_post post;
    _Atomic(bide_engine *) engine; /* NULL: nobody is to be told */
    atomic_uint users;             /* handlers that may use it right now */
    _Atomic(uint64_t) wants;
    _Atomic(uint64_t) pending;
    atomic_bool posted;
    atomic_bool taken; /* set under the lock, cleared when all is done */
    void (*run)(void *data); /* of the loop's thread; NULL: closed */
    void *data;
};

static struct bide__hub hubs[BIDE_SIGNAL_LOOPS_MAX];
static atomic_size_t hubs_used; /* of them, ever */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct {
    unsigned count;          /* hubs that want it */
    struct sigaction before; /* what was in place, if count > 0 */
} wanted[BIDE__SIGNAL_MAX + 1];

/* Whose handler it is: a child of fork inherits it for a moment. */
static _Atomic(pid_t) owner;

/* ── The handler ──────────────────────────────────────────────────────── */

static void tell(struct bide__hub *hub, uint64_t bit)
{
    atomic_fetch_add(&hub->users, 1);
    bide_engine *engine = atomic_load(&hub->engine);
    if (engine && (atomic_load(&hub->wants) & bit)) {
        atomic_fetch_or(&hub->pending, bit);
        if (!atomic_exchange(&hub->posted, true))
            bide_engine_post(engine, &hub->post);
    }
    atomic_fetch_sub(&hub->users, 1);
}

static void on_signal(int number)
{
    int saved = errno;
    size_t used = atomic_load(&hubs_used);
    if (getpid() == atomic_load(&owner))
        for (size_t i = 0; i < used; i++)
            tell(&hubs[i], BIDE__SIGNAL_BIT(number));
    errno = saved;
}

static bool is_ours(const struct sigaction *action)
{
    return !(action->sa_flags & SA_SIGINFO) && action->sa_handler == on_signal;
}

/* ── Forks ────────────────────────────────────────────────────────────── */

static void restore(int number)
{
    struct sigaction current;
    sigaction(number, NULL, &current);
    if (is_ours(&current)) /* else somebody has other plans by now */
        sigaction(number, &wanted[number].before, NULL);
}

static void before_fork(void)
{
    pthread_mutex_lock(&lock);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&lock);
}

static void after_fork_in_child(void)
{
    for (int number = 1; number <= BIDE__SIGNAL_MAX; number++) {
        if (wanted[number].count > 0)
            restore(number);
        wanted[number].count = 0;
    }
    for (size_t i = 0; i < hubs_used; i++) {
        atomic_store(&hubs[i].engine, NULL);
        atomic_store(&hubs[i].users, 0);
        atomic_store(&hubs[i].wants, 0);
        atomic_store(&hubs[i].pending, 0);
        atomic_store(&hubs[i].posted, false);
        atomic_store(&hubs[i].taken, false);
    }
    atomic_store(&owner, getpid());
    pthread_mutex_unlock(&lock);
}

static void prepare_process(void)
{
    atomic_store(&owner, getpid());
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* ── Hubs ─────────────────────────────────────────────────────────────── */

/* Cleared first: a signal that comes from here on posts again. */
static void run_hub(bide_post *post)
{
    struct bide__hub *hub = BIDE__CONTAINER(post, struct bide__hub, post);
    atomic_store(&hub->posted, false);
    if (hub->run)
        hub->run(hub->data);
    else
        atomic_store(&hub->taken, false);
}

static struct bide__hub *take_place(void)
{
    struct bide__hub *hub = NULL;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; !hub && i < BIDE__COUNT(hubs); i++) {
        if (atomic_load(&hubs[i].taken))
            continue;
        hub = &hubs[i];
        atomic_store(&hub->taken, true);
        if (i >= hubs_used)
            atomic_store(&hubs_used, i + 1);
    }
    pthread_mutex_unlock(&lock);
    return hub;
}

int bide__hub_open(bide_engine *engine, void (*run)(void *data), void *data,
                   struct bide__hub **ret_hub)
{
    pthread_once(&once, prepare_process);
    struct bide__hub *hub = take_place();
    if (!hub)
        return bide_raise(-ENOSPC, "signals are caught in %d loops, no more "
                                   "can be",
                          BIDE_SIGNAL_LOOPS_MAX);
    hub->post.run = run_hub;
    hub->run = run;
    hub->data = data;
    atomic_store(&hub->pending, 0);
    atomic_store(&hub->wants, 0);
    atomic_store(&hub->engine, engine);
    *ret_hub = hub;
    return 0;
}

void bide__hub_close(struct bide__hub *hub)
{
    BIDE__ASSERT(atomic_load(&hub->wants) == 0);
    atomic_store(&hub->engine, NULL);
    while (atomic_load(&hub->users) > 0)
        sched_yield();
    hub->run = NULL;
    if (!atomic_load(&hub->posted))
        atomic_store(&hub->taken, false);
}

/* ── Wanting ──────────────────────────────────────────────────────────── */

/* Pre: the lock is held. */
static int install(int number)
{
    struct sigaction action = {
        .sa_handler = on_signal,
        .sa_flags = SA_RESTART | SA_ONSTACK,
    };
    sigemptyset(&action.sa_mask);
    if (sigaction(number, &action, &wanted[number].before) < 0)
        return -errno;
    return 0;
}

int bide__hub_want(struct bide__hub *hub, int number)
{
    int rc = 0;
    pthread_mutex_lock(&lock);
    atomic_fetch_or(&hub->wants, BIDE__SIGNAL_BIT(number));
    if (wanted[number].count == 0)
        rc = install(number);
    if (rc == 0)
        wanted[number].count++;
    else
        atomic_fetch_and(&hub->wants, ~BIDE__SIGNAL_BIT(number));
    pthread_mutex_unlock(&lock);
    return rc;
}

void bide__hub_unwant(struct bide__hub *hub, int number)
{
    pthread_mutex_lock(&lock);
    if (--wanted[number].count == 0)
        restore(number);
    atomic_fetch_and(&hub->wants, ~BIDE__SIGNAL_BIT(number));
    pthread_mutex_unlock(&lock);
}

uint64_t bide__hub_take(struct bide__hub *hub)
{
    return atomic_exchange(&hub->pending, 0);
}
