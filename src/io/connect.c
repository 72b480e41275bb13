/* SPDX-License-Identifier: MIT */
/*
 * connect.c — connecting: happy eyeballs (RFC 8305) without extra tasks.
 *
 * One race drives all attempts by operations and one timer, while the task
 * that asked is parked:
 *
 *     advance ──► attempt 0 ─ failed ──► advance ──► attempt 1 …
 *        ▲  └─ timer: the delay has passed ──┘          │ connected
 *        └─ nothing is started once it is over ◄────────┘ others: cancelled
 *
 * The task is woken when no attempt is in flight any more, so nothing that
 * the kernel uses is freed under it. A request to cancel is a race that is
 * over without a winner; an attempt that succeeds all the same wins, and the
 * request waits for the next call.
 *
 * Invariant: while the task is parked, `active` > 0; while the timer is set,
 * the race is not over and an attempt is left to start.
 */
#include "io/connect.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io/address.h"

#define PORT_MAX 65535
#define ATTEMPTS_MAX 64 /* further addresses of a name are not tried */

/* RFC 8305, section 5: "a recommended value is 250 milliseconds". */
#define DEFAULT_DELAY 0.25

/* How long a Unix socket whose queue is full is left alone, doubling. */
#define FIRST_PAUSE 0.001
#define LONGEST_PAUSE 0.064

struct attempt {
    bide_op op;
    bide_fd file;
    const struct addrinfo *address;
};

struct race {
    bide_task *task;
    const struct bide__target *target;
    bide_timer timer;
    int64_t delay_ns; /* BIDE_FOREVER: one after another */
    size_t count;     /* of attempts */
    size_t next;      /* the first that was not started */
    size_t active;    /* in flight */
    bool over;        /* won, or cancelled: start no more */
    struct attempt *winner;
    int code; /* of the last failure */
    const struct addrinfo *failed;
    bool failed_to_bind;
    struct attempt attempts[];
};

/* ── Order ────────────────────────────────────────────────────────────── */

static const struct addrinfo *skip_to(const struct addrinfo *list, int family,
                                      bool same)
{
    while (list && (list->ai_family == family) != same)
        list = list->ai_next;
    return list;
}

/* The addresses of the first family and all others take turns; each side
 * keeps its order. RFC 8305, section 4. */
static size_t sort(const struct addrinfo *list, struct attempt *attempts,
                   size_t max)
{
    int first = list->ai_family;
    const struct addrinfo *side[2] = {list, skip_to(list, first, false)};
    size_t count = 0;
    for (bool other = false; count < max && (side[0] || side[1]);
         other = !other) {
        const struct addrinfo *address = side[other];
        if (!address)
            continue;
        attempts[count++].address = address;
        side[other] = skip_to(address->ai_next, first, !other);
    }
    return count;
}

static struct race *new_race(bide_task *self,
                             const struct bide__target *target)
{
    size_t count = 0;
    for (const struct addrinfo *one = target->list; one; one = one->ai_next)
        count++;
    if (count > ATTEMPTS_MAX)
        count = ATTEMPTS_MAX;
    struct race *race =
        bide__calloc(1, sizeof *race + count * sizeof race->attempts[0]);
    if (!race)
        return NULL;
    race->task = self;
    race->target = target;
    race->delay_ns = bide__seconds(target->options->happy_eyeballs_delay);
    race->count = sort(target->list, race->attempts, count);
    return race;
}

/* ── Attempts ─────────────────────────────────────────────────────────── */

/* End the race: whatever is in flight comes to its end soon. */
static void stop(struct race *race)
{
    bide_engine *engine = race->task->loop->engine;
    race->over = true;
    (void)bide_engine_timer_clear(engine, &race->timer);
    for (size_t i = 0; i < race->next; i++)
        bide_engine_cancel(engine, &race->attempts[i].op);
}

static int bind_local(struct race *race, int fd, int family)
{
    const struct addrinfo *local = race->target->local;
    if (!local)
        return 0;
    local = skip_to(local, family, true);
    if (!local)
        return -EADDRNOTAVAIL;
    return bind(fd, local->ai_addr, local->ai_addrlen) < 0 ? -errno : 0;
}

static void note_failure(struct race *race, const struct attempt *attempt,
                         int code, bool to_bind)
{
    race->code = code;
    race->failed = attempt->address;
    race->failed_to_bind = to_bind;
}

/* Attach a socket that is ready to connect. Returns whether that worked. */
static bool open_socket(struct race *race, struct attempt *attempt)
{
    int family = attempt->address->ai_family;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        note_failure(race, attempt, -errno, false);
        return false;
    }
    if (family != AF_UNIX) {
        const bide_connection_options *options = race->target->options;
        bide__socket_options(fd, options->delay, options->keep_alive);
    }
    int rc = bind_local(race, fd, family);
    bool bound = rc == 0;
    if (bound)
        rc = bide_engine_attach(race->task->loop->engine, &attempt->file, fd,
                                BIDE_FD_STREAM);
    if (rc == 0)
        return true;
    note_failure(race, attempt, rc, !bound);
    close(fd);
    return false;
}

/* An attempt has ended. One that lost to the winner, or was cancelled, has
 * nothing to say. */
static void end(struct race *race, struct attempt *attempt, int code)
{
    if (code == 0 && !race->winner) {
        race->winner = attempt;
        stop(race);
        return;
    }
    bide_engine_close(race->task->loop->engine, &attempt->file);
    if (!race->over)
        note_failure(race, attempt, code, false);
}

static void connected(bide_op *op);

/* Start one attempt. Returns whether it is in flight. */
static bool start(struct race *race, struct attempt *attempt)
{
    if (!open_socket(race, attempt))
        return false;
    const struct addrinfo *address = attempt->address;
    bide_op_connect(&attempt->op, &attempt->file, address->ai_addr,
                    address->ai_addrlen);
    attempt->op.done = connected;
    attempt->op.data = race;
    if (!bide_engine_submit(race->task->loop->engine, &attempt->op)) {
        race->active++;
        return true;
    }
    end(race, attempt, (int)attempt->op.result);
    return false;
}

/* Start the next attempt that does not fail at once, and see to the one
 * after it. */
static void advance(struct race *race)
{
    bide_loop *loop = race->task->loop;
    bool started = false;
    while (!started && !race->over && race->next < race->count)
        started = start(race, &race->attempts[race->next++]);
    if (race->over)
        return;
    if (race->next < race->count && race->delay_ns != BIDE_FOREVER)
        bide_engine_timer_set(loop->engine, &race->timer,
                              bide__deadline(loop, race->delay_ns));
    else
        (void)bide_engine_timer_clear(loop->engine, &race->timer);
}

static void connected(bide_op *op)
{
    struct race *race = op->data;
    race->active--;
    end(race, BIDE__CONTAINER(op, struct attempt, op), (int)op->result);
    advance(race);
    if (race->active == 0)
        bide__wake(race->task, 0);
}

static void start_next(bide_timer *timer)
{
    advance(BIDE__CONTAINER(timer, struct race, timer));
}

/* ── The race ─────────────────────────────────────────────────────────── */

static void cancel_race(bide_task *task, void *object)
{
    task->must_cancel = true; /* until it turns out that it took effect */
    stop(object);
}

static const struct bide__wait connect_wait = {
    .name = "bide_open_connection",
    .cancel = cancel_race,
};

/* The host is named unless the address says it already. */
static int raise_failure(const struct race *race)
{
    const char *host = race->target->host;
    const struct addrinfo *address = race->failed;
    const char *what = race->failed_to_bind
                           ? "binding to a local address to connect to"
                           : "connecting to";
    char text[BIDE__ADDRESS_TEXT];
    bide__sockaddr_text(address->ai_addr, address->ai_addrlen, text,
                        sizeof text);
    if (strstr(text, host))
        return bide_raise(race->code, "%s %s: %s", what, text,
                          bide_strerror(race->code));
    return bide_raise(race->code, "%s %.80s at %s: %s", what, host, text,
                      bide_strerror(race->code));
}

/* The stream takes the descriptor before the attempt gives it up, so that a
 * backend need not forget and learn it again. */
static int make_stream(struct race *race, bide_stream **ret_stream)
{
    bide_loop *loop = race->task->loop;
    bide_fd *file = &race->winner->file;
    int rc = bide__stream_new(loop, file->fd, race->target->options->limit,
                              ret_stream);
    if (rc < 0)
        bide_engine_close(loop->engine, file);
    else
        bide_engine_detach(loop->engine, file);
    return rc;
}

static int finish(struct race *race, bide_stream **ret_stream)
{
    if (race->winner)
        return make_stream(race, ret_stream);
    if (race->over)
        return bide__take_cancel(race->task);
    return raise_failure(race);
}

int bide__connect(bide_task *self, const struct bide__target *target,
                  bide_stream **ret_stream)
{
    if (self->must_cancel)
        return bide__take_cancel(self);
    struct race *race = new_race(self, target);
    if (!race)
        return -ENOMEM;
    race->timer.fire = start_next;
    advance(race);
    if (race->active > 0)
        (void)bide__park(self, &connect_wait, race);
    else
        bide__op_yield(self);
    int rc = finish(race, ret_stream);
    bide__free(race);
    return rc;
}

/* ── Options ──────────────────────────────────────────────────────────── */

/* Check the options and fill in the defaults. */
static int check_options(bide_connection_options *options)
{
    int rc = bide__stream_limit(&options->limit);
    if (rc < 0)
        return rc;
    rc = bide__check_family(options->family);
    if (rc < 0)
        return rc;
    rc = bide__check_security(options->tls, false);
    if (rc < 0)
        return rc;
    double delay = options->happy_eyeballs_delay;
    if (!(delay >= 0))
        return bide_raise(-EINVAL,
                          "happy_eyeballs_delay is %g s, must be at least 0",
                          delay);
    if (delay == 0)
        options->happy_eyeballs_delay = DEFAULT_DELAY;
    return 0;
}

/* The addresses to connect from; none if the options do not care. */
static int find_local(bide_connection_options *options,
                      struct addrinfo **ret_local)
{
    if (!options->local_host && options->local_port == 0)
        return 0;
    int rc = bide__look_up(options->local_host, options->local_port,
                           options->family, AI_PASSIVE | AI_NUMERICHOST,
                           ret_local);
    if (rc == 0 && options->local_host)
        options->family = (*ret_local)->ai_family;
    return rc;
}

/* Secure a new connection; on failure it is gone. */
static int secure(bide_stream **stream, const char *host,
                  const bide_connection_options *options)
{
    if (!options->tls)
        return 0;
    if (options->tls_host)
        host = options->tls_host;
    int rc = bide__stream_secure(*stream, options->tls, host);
    if (rc < 0)
        bide_stream_close(*stream);
    return rc;
}

int bide_open_connection(const char *host, int port,
                         const bide_connection_options *options,
                         bide_stream **ret_stream)
{
    bide_task *self = bide__enter("bide_open_connection");
    bide_connection_options given = {.limit = 0};
    if (options)
        given = *options;
    int rc = check_options(&given);
    if (rc < 0)
        return rc;
    if (!host)
        return bide_raise(-EINVAL, "host is NULL, must be a name");
    if (port < 1 || port > PORT_MAX)
        return bide_raise(-EINVAL, "port is %d, must be 1 to %d", port,
                          PORT_MAX);
    struct addrinfo *list = NULL;
    struct addrinfo *local = NULL;
    rc = find_local(&given, &local);
    if (rc == 0)
        rc = bide__look_up(host, (unsigned)port, given.family, 0, &list);
    if (rc == 0) {
        const struct bide__target target = {host, list, local, &given};
        rc = bide__connect(self, &target, ret_stream);
    }
    if (list)
        freeaddrinfo(list);
    if (local)
        freeaddrinfo(local);
    return rc < 0 ? rc : secure(ret_stream, host, &given);
}

/* A full queue makes connect(2) say EAGAIN instead of waiting, and no event
 * tells when there is room: ask again and again, ever more slowly. */
int bide_open_unix_connection(const char *path,
                              const bide_connection_options *options,
                              bide_stream **ret_stream)
{
    bide_task *self = bide__enter("bide_open_unix_connection");
    bide_connection_options given = {.limit = 0};
    struct bide__unix_address address;
    if (options) {
        given.limit = options->limit;
        given.tls = options->tls;
        given.tls_host = options->tls_host;
    }
    int rc = check_options(&given);
    if (rc == 0 && given.tls && !given.tls_host)
        rc = bide_raise(-EINVAL, "tls_host is NULL, must name the server: a "
                                 "path has no certificate");
    if (rc == 0)
        rc = bide__unix_address(path, &address);
    if (rc < 0)
        return rc;
    const struct bide__target target = {path, &address.info, NULL, &given};
    double pause = FIRST_PAUSE;
    while ((rc = bide__connect(self, &target, ret_stream)) == -EAGAIN) {
        rc = bide_sleep(pause);
        if (rc < 0)
            break;
        pause = pause < LONGEST_PAUSE ? 2 * pause : pause;
    }
    return rc < 0 ? rc : secure(ret_stream, path, &given);
}
