/* SPDX-License-Identifier: MIT */
/*
 * epoll_set.c — descriptors in an epoll set, and waiting for them.
 *
 * A descriptor enters the set when an operation first has to wait for it, for
 * every kind of event and edge-triggered, and stays until it is closed: one
 * system call in its life, not one a wait. Registering reports what is ready
 * already, so nothing is missed by registering late.
 *
 * The wake-up is an eventfd in the same set. Being edge-triggered it needs no
 * read: each write is an edge of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/time_types.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/engine.h"
#include "engine/epoll.h"
#include "engine/oplist.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

/* What an event of the wake-up carries; no generation and number can. */
#define WAKE_KEY UINT64_MAX

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441 /* the same on every architecture; Linux 5.11 */
#endif

/* ── Slots ────────────────────────────────────────────────────────────── */

/* Everything but the number, the generation and the operations as new. */
static void slot_reset(struct bide__slot *slot)
{
    bide__list_remove(&slot->active);
    bide__list_remove(&slot->hot);
    slot->attached = 0;
    slot->bits = 0;
    slot->readiness = BIDE__READABLE | BIDE__WRITABLE; /* so: try */
    slot->transport = BIDE__TRANSPORT_UNKNOWN;
    slot->registered = false;
}

static bool slots_grow(struct bide__epoll_state *state, size_t needed)
{
    size_t len = state->slots_len ? state->slots_len : 64;
    while (len < needed)
        len *= 2;
    struct bide__slot **slots =
        bide__realloc(state->slots, len * sizeof *slots);
    if (!slots)
        return false;
    memset(slots + state->slots_len, 0,
           (len - state->slots_len) * sizeof *slots);
    state->slots = slots;
    state->slots_len = len;
    return true;
}

/* Find or make the slot of a number. NULL means out of memory. */
static struct bide__slot *slot_make(struct bide__epoll_state *state, int fd)
{
    size_t index = (size_t)fd;
    if (index >= state->slots_len && !slots_grow(state, index + 1))
        return NULL;
    struct bide__slot *slot = state->slots[index];
    if (slot)
        return slot;
    slot = bide__calloc(1, sizeof *slot);
    if (!slot)
        return NULL;
    bide__list_init(&slot->active);
    bide__list_init(&slot->hot);
    slot->fd = fd;
    slot_reset(slot);
    state->slots[index] = slot;
    return slot;
}

struct bide__slot *bide__slot_of(const struct bide__epoll_state *state,
                                 const bide_fd *file)
{
    size_t index = (size_t)file->fd; /* -1 once it is detached */
    if (index >= state->slots_len)
        return NULL;
    struct bide__slot *slot = state->slots[index];
    return slot->generation == file->generation ? slot : NULL;
}

void bide__slot_activate(struct bide__epoll_state *state,
                         struct bide__slot *slot)
{
    bide__list_remove(&slot->active);
    bide__list_append(&state->active, &slot->active);
}

int bide__slot_register(struct bide__epoll_state *state,
                        struct bide__slot *slot)
{
    if (slot->registered)
        return 0;
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET,
        .data.u64 = (uint64_t)slot->generation << 32 | (uint32_t)slot->fd,
    };
    int rc = epoll_ctl(state->fd, EPOLL_CTL_ADD, slot->fd, &event);
    /* The same description was here before under the same number, closed and
     * brought back by dup2(2) from another number. */
    if (rc < 0 && errno == EEXIST)
        rc = epoll_ctl(state->fd, EPOLL_CTL_MOD, slot->fd, &event);
    if (rc < 0)
        return -errno;
    slot->registered = true;
    return 0;
}

int bide__epoll_attach(bide_engine *engine, bide_fd *file)
{
    int flags = fcntl(file->fd, F_GETFL);
    if (flags < 0)
        return -errno;
    if (file->kind == BIDE_FD_STREAM && !(flags & O_NONBLOCK) &&
        fcntl(file->fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    struct bide__slot *slot = slot_make(engine->state, file->fd);
    if (!slot)
        return -ENOMEM;
    slot->attached++;
    file->generation = slot->generation;
    return 0;
}

/* The number is being closed: what waits for it by another bide_fd would wait
 * for ever. */
static void fail_all(bide_engine *engine, bide_op **queue)
{
    while (*queue) {
        bide_op *op = *queue;
        bide__oplist_remove(queue, op);
        bide__engine_finish(engine, op, -EBADF);
    }
}

void bide__epoll_detach(bide_engine *engine, bide_fd *file, bool close_it)
{
    struct bide__epoll_state *state = engine->state;
    struct bide__slot *slot = bide__slot_of(state, file);
    if (!slot)
        return; /* closed by another bide_fd of the same number */
    if (slot->attached > 1 && !close_it) {
        slot->attached--;
        return;
    }
    fail_all(engine, &slot->reads);
    fail_all(engine, &slot->writes);
    fail_all(engine, &slot->polls);
    if (slot->registered && !close_it)
        epoll_ctl(state->fd, EPOLL_CTL_DEL, slot->fd, NULL);
    slot_reset(slot);
    slot->generation++;
    if (close_it)
        close(slot->fd);
}

/* ── Waiting ──────────────────────────────────────────────────────────── */

uint32_t bide__poll_now(int fd)
{
    struct pollfd item = {
        .fd = fd,
        .events = POLLIN | POLLPRI | POLLOUT | POLLRDHUP,
    };
    while (poll(&item, 1, 0) < 0 && errno == EINTR)
        continue;
    return (uint32_t)item.revents;
}

uint32_t bide__poll_match(const bide_op *op, uint32_t bits)
{
    return bits & (op->arg | POLLERR | POLLHUP | POLLNVAL);
}

/* POLL_MULTI is level-triggered, edges are not: what was ready at the last
 * turn is asked again, and served once more if it still is. */
static void check_hot(struct bide__epoll_state *state)
{
    while (!bide__list_empty(&state->hot)) {
        struct bide__slot *slot =
            BIDE__CONTAINER(state->hot.next, struct bide__slot, hot);
        bide__list_remove(&slot->hot);
        uint32_t bits = bide__poll_now(slot->fd);
        const bide_op *op = slot->polls;
        while (op && !bide__poll_match(op, bits))
            op = op->next;
        if (!op)
            continue;
        slot->bits = bits;
        bide__slot_activate(state, slot);
    }
}

static int wait_ms(struct bide__epoll_state *state, int64_t timeout_ns)
{
    int64_t ms = -1;
    if (timeout_ns != BIDE_FOREVER) {
        /* Up, so that a wait never ends a little too early, again and again
         * until the timer is due. */
        ms = timeout_ns / NS_PER_MS + (timeout_ns % NS_PER_MS != 0);
        if (ms > INT_MAX)
            ms = INT_MAX;
    }
    return epoll_wait(state->fd, state->events, BIDE__EPOLL_EVENTS, (int)ms);
}

/* Returns the number of events, or -1 with errno. */
static int wait_events(struct bide__epoll_state *state, int64_t timeout_ns)
{
    if (timeout_ns == 0 || timeout_ns == BIDE_FOREVER || state->no_pwait2)
        return wait_ms(state, timeout_ns);
    struct __kernel_timespec timeout = {
        .tv_sec = timeout_ns / NS_PER_S,
        .tv_nsec = timeout_ns % NS_PER_S,
    };
    long rc = syscall(SYS_epoll_pwait2, state->fd, state->events,
                      BIDE__EPOLL_EVENTS, &timeout, NULL, (size_t)0);
    if (rc < 0 && (errno == ENOSYS || errno == EPERM)) {
        state->no_pwait2 = true; /* EPERM: a container's policy */
        return wait_ms(state, timeout_ns);
    }
    return (int)rc;
}

/* With hooks, look before waiting: they cost more than an empty look. */
static int wait_hooked(bide_engine *engine, int64_t timeout_ns)
{
    struct bide__epoll_state *state = engine->state;
    bool hooks = engine->before_block || engine->after_block;
    if (timeout_ns == 0 || !hooks)
        return wait_events(state, timeout_ns);
    int count = wait_events(state, 0);
    if (count != 0)
        return count;
    bide__engine_before_block(engine);
    count = wait_events(state, timeout_ns);
    int code = errno; /* of the wait, not of the hook */
    bide__engine_after_block(engine);
    errno = code;
    return count;
}

static void take_event(struct bide__epoll_state *state,
                       const struct epoll_event *event)
{
    uint64_t key = event->data.u64;
    if (key == WAKE_KEY)
        return;
    struct bide__slot *slot = state->slots[(uint32_t)key];
    if (slot->generation != (uint32_t)(key >> 32))
        return;
    uint32_t ended = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    if (event->events & (EPOLLIN | EPOLLPRI | ended))
        slot->readiness |= BIDE__READABLE;
    if (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        slot->readiness |= BIDE__WRITABLE;
    if (event->events & (EPOLLPRI | ended))
        slot->readiness |= BIDE__UNSURE;
    if (!slot->reads && !slot->writes && !slot->polls)
        return;
    slot->bits = event->events;
    bide__slot_activate(state, slot);
}

int bide__epoll_collect(bide_engine *engine, int64_t timeout_ns)
{
    struct bide__epoll_state *state = engine->state;
    check_hot(state);
    if (!bide__list_empty(&state->active))
        timeout_ns = 0;
    int count = wait_hooked(engine, timeout_ns);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++)
        take_event(state, &state->events[i]);
    return 0;
}

void bide__epoll_wake(bide_engine *engine)
{
    const struct bide__epoll_state *state = engine->state;
    uint64_t one = 1;
    int code = errno; /* a signal handler may be calling */
    while (write(state->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        continue;
    errno = code;
}

int bide__epoll_fileno(const bide_engine *engine)
{
    struct bide__epoll_state *state = engine->state;
    state->hosted = true;
    return state->fd;
}

/* ── Life ─────────────────────────────────────────────────────────────── */

static int open_set(struct bide__epoll_state *state)
{
    state->fd = epoll_create1(EPOLL_CLOEXEC);
    if (state->fd < 0)
        return -errno;
    state->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLET,
        .data.u64 = WAKE_KEY,
    };
    if (state->wake_fd >= 0 &&
        epoll_ctl(state->fd, EPOLL_CTL_ADD, state->wake_fd, &event) == 0)
        return 0;
    int rc = -errno;
    if (state->wake_fd >= 0)
        close(state->wake_fd);
    close(state->fd);
    state->wake_fd = -1;
    state->fd = -1;
    return rc;
}

int bide__epoll_open(bide_engine *engine)
{
    struct bide__epoll_state *state = bide__calloc(1, sizeof *state);
    if (!state)
        return -ENOMEM;
    bide__list_init(&state->active);
    bide__list_init(&state->hot);
    int rc = open_set(state);
    if (rc < 0) {
        bide__free(state);
        return rc;
    }
    engine->state = state;
    return 0;
}

void bide__epoll_close(bide_engine *engine)
{
    struct bide__epoll_state *state = engine->state;
    for (size_t i = 0; i < state->slots_len; i++)
        bide__free(state->slots[i]);
    bide__free(state->slots);
    bide__free(state->buffer);
    close(state->wake_fd);
    close(state->fd);
    bide__free(state);
}

int bide__epoll_after_fork(bide_engine *engine)
{
    struct bide__epoll_state *state = engine->state;
    close(state->wake_fd); /* both are shared with the parent */
    close(state->fd);
    for (size_t i = 0; i < state->slots_len; i++) {
        struct bide__slot *slot = state->slots[i];
        if (!slot)
            continue;
        uint32_t attached = slot->attached;
        slot_reset(slot); /* registers anew when it is next waited for */
        slot->attached = attached;
        slot->reads = NULL;
        slot->writes = NULL;
        slot->polls = NULL;
    }
    return open_set(state);
}
