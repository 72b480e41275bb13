/* SPDX-License-Identifier: MIT */
/*
 * connection.c — a link that tasks share.
 *
 *     tasks ──encode──► out ──► writer ──► stream
 *       ▲                                    │
 *       └── call ◄── slots, in order ◄── reader
 *
 * A command is added to `out`, and a slot to the line of those that wait for
 * an answer. The writer sends what has been added since its last turn, the
 * reader hands each answer to the first slot. A task that is cancelled leaves
 * its slot empty, and the answer to that is dropped; until then it counts as a
 * command under way, or a server that is silent would fill the memory with the
 * commands of those who lost patience.
 *
 * When either of the two fails, the link is broken: all slots fail, the
 * stream is closed, both end, and the next command dials anew.
 *
 * Invariants: while the link is up both tasks run; the buffer that the reader
 * receives into lives until it has been awaited.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "redis/redis.h"

#define ARGS_MAX 1048576
#define FIRST_SLOTS 64
#define KEPT 65536 /* bytes of a buffer for sending that are not given back */

/* A command under way, on the stack of its task. */
struct call {
    bide_future future;
    bide_redis_value *value;
    size_t place; /* in the line */
    bool wanted;  /* the value is */
    bool ended;   /* it is out of the line */
};

struct bide_redis {
    struct bide__redis_target target;
    struct bide__redis_link link;
    bool up;
    bool closing;
    bide_lock dialing;
    bide_task *reader;
    bide_task *writer;
    bide_event dirty; /* there is something to send */
    struct bide__redis_bytes out;
    struct bide__redis_bytes sending;
    struct call **slots; /* a ring of `room` places, a power of two */
    size_t room;
    size_t first, next; /* places, counted on and on */
    bide_semaphore free; /* commands that may still be added */
    size_t users; /* tasks within a function of ours */
    bide_event unused;
};

/* ── The line ─────────────────────────────────────────────────────────── */

static struct call **slot(bide_redis *redis, size_t place)
{
    return &redis->slots[place & (redis->room - 1)];
}

static int make_slot(bide_redis *redis)
{
    if (redis->next - redis->first < redis->room)
        return 0;
    size_t room = redis->room ? 2 * redis->room : FIRST_SLOTS;
    struct call **slots = bide_allocate(room * sizeof *slots);
    if (!slots)
        return -ENOMEM;
    for (size_t i = redis->first; i < redis->next; i++)
        slots[i & (room - 1)] = *slot(redis, i);
    bide_release(redis->slots);
    redis->slots = slots;
    redis->room = room;
    return 0;
}

static struct call *pop(bide_redis *redis)
{
    struct call *call = *slot(redis, redis->first++);
    bide_semaphore_release(&redis->free);
    if (call)
        call->ended = true;
    return call;
}

/* ── Breaking ─────────────────────────────────────────────────────────── */

/* The message is what was last raised for the code. */
static void break_link(bide_redis *redis, int code)
{
    if (!redis->up)
        return;
    redis->up = false;
    if (code != -EMSGSIZE && code != -EPROTO && code != -ENOMEM &&
        code != -ECONNRESET)
        code = bide_raise(-ECONNRESET, "the connection to Redis broke: %s",
                          bide_strerror(code));
    while (redis->first < redis->next) {
        struct call *call = pop(redis);
        if (call)
            (void)bide_future_set_exception(&call->future, code);
    }
    redis->out.len = 0;
    bide_stream_close(redis->link.stream);
    redis->link.stream = NULL;
    bide_event_set(&redis->dirty);
}

/* ── The reader ───────────────────────────────────────────────────────── */

static void answer(struct call *call, const char *data,
                   const struct bide__redis_scan *scan)
{
    int rc = 0;
    if (call->wanted || bide__redis_is_error(data)) {
        call->value = bide__redis_build(scan, data);
        if (!call->value)
            rc = -ENOMEM;
        else if (call->value->type == BIDE_REDIS_ERROR)
            rc = bide__redis_raise(call->value->data, call->value->len);
    }
    if (rc < 0)
        (void)bide_future_set_exception(&call->future, rc);
    else
        (void)bide_future_set_result(&call->future, NULL);
}

/* Returns 0 when no whole answer is left, or a negative code. */
static int hand_out(bide_redis *redis)
{
    const char *data;
    struct bide__redis_scan scan;
    int rc;
    while ((rc = bide__redis_take(&redis->link, &data, &scan)) > 0) {
        if (bide__redis_is_push(data))
            continue; /* nobody has asked for it */
        if (redis->first == redis->next)
            return bide_raise(-EPROTO, "Redis answered what nobody asked");
        struct call *call = pop(redis);
        if (call)
            answer(call, data, &scan);
    }
    return rc;
}

static int read_answers(void *arg)
{
    bide_redis *redis = arg;
    int rc = 0;
    while (rc == 0) {
        rc = redis->up ? bide__redis_fill(&redis->link) : -ECONNRESET;
        if (rc == 0 && redis->up)
            rc = hand_out(redis);
    }
    break_link(redis, rc);
    return 0;
}

/* ── The writer ───────────────────────────────────────────────────────── */

static int send_some(bide_redis *redis)
{
    struct bide__redis_bytes bytes = redis->out;
    redis->out = redis->sending;
    redis->sending = bytes;
    int rc = bytes.len > 0 ? bide_stream_write(redis->link.stream, bytes.data,
                                               bytes.len)
                           : 0;
    redis->sending.len = 0;
    if (bytes.cap > KEPT) {
        bide_release(bytes.data);
        redis->sending = (struct bide__redis_bytes){.data = NULL};
    }
    return rc;
}

static int write_commands(void *arg)
{
    bide_redis *redis = arg;
    int rc = 0;
    while (rc == 0) {
        rc = bide_event_wait(&redis->dirty);
        if (!redis->up)
            return 0;
        bide_event_clear(&redis->dirty);
        if (rc == 0)
            rc = send_some(redis);
    }
    break_link(redis, rc);
    return 0;
}

/* ── Being up ─────────────────────────────────────────────────────────── */

static int join(bide_task **task)
{
    bide_task *one = *task;
    *task = NULL;
    return one ? bide_await(one) : 0;
}

/* Both tasks end, for the link is broken. Returns 0 or -ECANCELED. */
static int clear(bide_redis *redis)
{
    int read = join(&redis->reader);
    int written = join(&redis->writer);
    bide__redis_hang_up(&redis->link);
    return read < 0 ? read : written;
}

static int start(bide_redis *redis)
{
    redis->up = true;
    bide_event_clear(&redis->dirty);
    redis->reader = bide_create_task(read_answers, redis);
    redis->writer = bide_create_task(write_commands, redis);
    if (redis->reader && redis->writer)
        return 0;
    break_link(redis, -ENOMEM);
    return clear(redis) < 0 ? -ECANCELED : -ENOMEM;
}

static int dial(bide_redis *redis)
{
    int rc = clear(redis);
    if (rc == 0)
        rc = bide__redis_dial(&redis->link, &redis->target);
    if (rc == 0 && redis->closing) {
        bide__redis_hang_up(&redis->link);
        rc = -EBADF;
    }
    return rc < 0 ? rc : start(redis);
}

static int be_up(bide_redis *redis)
{
    if (redis->closing)
        return -EBADF;
    if (redis->up)
        return 0;
    int rc = bide_lock_acquire(&redis->dialing);
    if (rc < 0)
        return rc;
    rc = redis->up ? 0 : dial(redis);
    bide_lock_release(&redis->dialing);
    return rc;
}

/* ── Life ─────────────────────────────────────────────────────────────── */

static void destroy(bide_redis *redis)
{
    bide_lock_fini(&redis->dialing);
    bide_event_fini(&redis->dirty);
    bide_event_fini(&redis->unused);
    bide_semaphore_fini(&redis->free);
    bide_release(redis->out.data);
    bide_release(redis->sending.data);
    bide_release(redis->slots);
    bide__redis_target_free(&redis->target);
    bide_release(redis);
}

int bide_redis_open(const char *url, const bide_redis_options *options,
                    bide_redis **ret_redis)
{
    struct bide__redis_target target;
    int rc = bide__redis_target(url, options, &target);
    if (rc < 0)
        return rc;
    bide_redis *redis = bide_allocate(sizeof *redis);
    if (!redis) {
        bide__redis_target_free(&target);
        return -ENOMEM;
    }
    memset(redis, 0, sizeof *redis);
    redis->target = target;
    bide_lock_init(&redis->dialing);
    bide_event_init(&redis->dirty);
    bide_event_init(&redis->unused);
    bide_semaphore_init(&redis->free, target.options.commands);
    rc = be_up(redis);
    if (rc < 0)
        destroy(redis);
    else
        *ret_redis = redis;
    return rc;
}

int bide_redis_close(bide_redis *redis)
{
    if (!redis)
        return 0;
    redis->closing = true;
    break_link(redis, bide_raise(-ECONNRESET, "the connection was closed"));
    int result = 0;
    while (redis->users > 0) {
        bide_event_clear(&redis->unused);
        int rc = bide_event_wait(&redis->unused);
        result = rc < 0 ? rc : result;
    }
    int rc = clear(redis);
    destroy(redis);
    return rc < 0 ? rc : result;
}

/* ── Commands ─────────────────────────────────────────────────────────── */

/* The link is up: nothing suspends from here to the wait. Who takes the slot
 * out of the line releases the semaphore. */
static int enqueue(bide_redis *redis, struct call *call, size_t count,
                   const char *const *args, const size_t *lens)
{
    if (make_slot(redis) < 0 ||
        bide__redis_encode(&redis->out, count, args, lens) < 0)
        return -ENOMEM;
    call->place = redis->next++;
    *slot(redis, call->place) = call;
    bide_event_set(&redis->dirty);
    return 0;
}

static int ask(bide_redis *redis, size_t count, const char *const *args,
               const size_t *lens, bide_redis_value **ret_value)
{
    struct call call = {.wanted = ret_value != NULL};
    bide_future_init(&call.future);
    int rc = enqueue(redis, &call, count, args, lens);
    if (rc < 0) {
        bide_semaphore_release(&redis->free);
    } else {
        rc = bide_future_await(&call.future, NULL);
        if (!call.ended)
            *slot(redis, call.place) = NULL;
    }
    bide_future_fini(&call.future);
    if (rc == 0 && ret_value)
        *ret_value = call.value;
    else
        bide_redis_free(call.value);
    return rc;
}

/* Commands that are not answered once: all answers after theirs would go to
 * the wrong tasks. */
static bool is_alien(const char *name, size_t len)
{
    static const char *const names[] = {"SUBSCRIBE",    "UNSUBSCRIBE",
                                        "PSUBSCRIBE",   "PUNSUBSCRIBE",
                                        "SSUBSCRIBE",   "SUNSUBSCRIBE",
                                        "MONITOR",      "SYNC",
                                        "PSYNC",        "HELLO"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (len == strlen(names[i]) && strncasecmp(name, names[i], len) == 0)
            return true;
    return false;
}

static void leave(bide_redis *redis)
{
    if (--redis->users == 0)
        bide_event_set(&redis->unused);
}

int bide_redis_command(bide_redis *redis, size_t count,
                       const char *const *args, const size_t *lens,
                       bide_redis_value **ret_value)
{
    if (count > 0 && is_alien(args[0], lens ? lens[0] : strlen(args[0])))
        return bide_raise(-EINVAL, "%.20s takes the connection away from "
                                   "others; use bide_redis_subscribe() for "
                                   "messages",
                          args[0]);
    if (count == 0 || count > ARGS_MAX)
        return bide_raise(-EINVAL, "count is %zu, must be 1 to %d", count,
                          ARGS_MAX);
    redis->users++;
    int rc = bide_semaphore_acquire(&redis->free);
    if (rc == 0) {
        rc = be_up(redis);
        if (rc == 0)
            rc = ask(redis, count, args, lens, ret_value);
        else
            bide_semaphore_release(&redis->free);
    }
    leave(redis);
    return rc;
}
