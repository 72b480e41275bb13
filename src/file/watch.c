/* SPDX-License-Identifier: MIT */
/*
 * watch.c — changes of files and directories, by inotify(7).
 *
 * The kernel names what it watches by numbers; a table leads from these to
 * the paths. It never gives a number away twice while we live, so an event
 * that is still on its way when its path is removed finds nothing in the
 * table, and is dropped. An event can also be faster than the thread that
 * added its path: so while a path is being added, unknown numbers wait.
 *
 * Events are read as many as a buffer holds and handed out one by one. The
 * object lives until the owner has closed it and the last call has left.
 */
#include <bide/watch.h>
#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "file/file.h"

#define BUFFER 8192

_Static_assert(BIDE_WATCH_MODIFIED == IN_MODIFY &&
                   BIDE_WATCH_ATTRIBUTES == IN_ATTRIB &&
                   BIDE_WATCH_WRITTEN == IN_CLOSE_WRITE &&
                   BIDE_WATCH_MOVED_FROM == IN_MOVED_FROM &&
                   BIDE_WATCH_MOVED_TO == IN_MOVED_TO &&
                   BIDE_WATCH_CREATED == IN_CREATE &&
                   BIDE_WATCH_DELETED == IN_DELETE &&
                   BIDE_WATCH_OVERFLOW == IN_Q_OVERFLOW &&
                   BIDE_WATCH_GONE == IN_IGNORED,
               "changes are inotify's events");

/* A path that is watched. */
struct place {
    struct place *next; /* in its bucket */
    int number;
    char path[];
};

struct bide_watch {
    bide_loop *loop;
    struct bide__resource resource;
    bide_fd fd;
    unsigned refs; /* the owner's, and one for each call in progress */
    bool closing;
    bide_op *reading;   /* in flight, or NULL */
    unsigned adding;    /* calls that will put something into the table */
    bide_task *patient; /* waits for adding to be 0 */
    struct place **buckets; /* a power of two of them */
    size_t bucket_count;
    size_t place_count;
    struct place *retired; /* the last event names it */
    size_t at, len;        /* of what was read */
    _Alignas(struct inotify_event) char data[BUFFER];
};

/* ── Places ───────────────────────────────────────────────────────────── */

/* The link that leads to a number, or to the end of its bucket. */
static struct place **find(bide_watch *watch, int number)
{
    size_t mask = watch->bucket_count - 1;
    struct place **link = &watch->buckets[(size_t)number & mask];
    while (*link && (*link)->number != number)
        link = &(*link)->next;
    return link;
}

static void take_out(bide_watch *watch, struct place **link)
{
    *link = (*link)->next;
    watch->place_count--;
}

/* As many buckets as there will be places. */
static int reserve(bide_watch *watch)
{
    if (watch->place_count < watch->bucket_count)
        return 0;
    size_t count = watch->bucket_count ? 2 * watch->bucket_count : 8;
    struct place **before = watch->buckets;
    struct place **buckets = bide__calloc(count, sizeof *buckets);
    if (!buckets)
        return -ENOMEM;
    size_t before_count = watch->bucket_count;
    watch->buckets = buckets;
    watch->bucket_count = count;
    for (size_t i = 0; i < before_count; i++)
        while (before[i]) {
            struct place *place = before[i];
            before[i] = place->next;
            place->next = NULL;
            *find(watch, place->number) = place;
        }
    bide__free(before);
    return 0;
}

static struct place *new_place(const char *path)
{
    size_t size = strlen(path) + 1;
    struct place *place = bide__malloc(sizeof *place + size);
    if (!place)
        return NULL;
    place->next = NULL;
    memcpy(place->path, path, size);
    return place;
}

/* The kernel knows a number: from now on we do. It may be one that we know
 * already, by this or another path to the same file. */
static void put(bide_watch *watch, struct place *place, int number)
{
    place->number = number;
    struct place **link = find(watch, number);
    if (*link) {
        struct place *before = *link;
        take_out(watch, link);
        bide__free(before);
        link = find(watch, number);
    }
    *link = place;
    watch->place_count++;
}

static void retire(bide_watch *watch)
{
    bide__free(watch->retired);
    watch->retired = NULL;
}

/* ── Life ─────────────────────────────────────────────────────────────── */

static void unref(bide_watch *watch)
{
    if (--watch->refs > 0)
        return;
    bide_engine_close(watch->loop->engine, &watch->fd);
    bide__list_remove(&watch->resource.link);
    for (size_t i = 0; i < watch->bucket_count; i++)
        while (watch->buckets[i]) {
            struct place *place = watch->buckets[i];
            watch->buckets[i] = place->next;
            bide__free(place);
        }
    bide__free(watch->buckets);
    retire(watch);
    bide__free(watch);
}

static int check(const bide_watch *watch, const char *function)
{
    BIDE__REQUIRE(watch->loop == bide__loop,
                  "%s() was called on another thread than the watch's loop; "
                  "use bide_loop_call_soon_threadsafe() to call it there",
                  function);
    return watch->closing ? -EBADF : 0;
}

static int enter(bide_watch *watch, const char *function)
{
    bide_task *self = bide__enter(function);
    int rc = check(watch, function);
    if (rc < 0)
        return rc;
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    watch->refs++;
    return 0;
}

static void wake_patient(bide_watch *watch)
{
    bide_task *patient = watch->patient;
    watch->patient = NULL;
    if (patient)
        bide__wake(patient, 0);
}

static void close_left_open(struct bide__resource *resource)
{
    bide_watch_close(BIDE__CONTAINER(resource, bide_watch, resource));
}

int bide_watch_open(bide_watch **ret_watch)
{
    bide_loop *loop = bide__enter_loop("bide_watch_open");
    bide_watch *watch = bide__calloc(1, sizeof *watch);
    if (!watch)
        return bide_raise(-ENOMEM, "no memory for a watch");
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    int rc = fd < 0 ? -errno
                    : bide_engine_attach(loop->engine, &watch->fd, fd,
                                         BIDE_FD_STREAM);
    if (rc < 0) {
        if (fd >= 0)
            close(fd);
        bide__free(watch);
        return bide_raise(rc,
                          "watching files: %s; see "
                          "fs.inotify.max_user_instances",
                          bide_strerror(rc));
    }
    watch->loop = loop;
    watch->refs = 1;
    watch->resource.kind = "watch";
    watch->resource.close = close_left_open;
    bide__list_append(&loop->resources, &watch->resource.link);
    *ret_watch = watch;
    return 0;
}

void bide_watch_close(bide_watch *watch)
{
    if (!watch)
        return;
    BIDE__REQUIRE(check(watch, "bide_watch_close") == 0,
                  "bide_watch_close() was called for a watch that is closed "
                  "already; close it once");
    watch->closing = true;
    watch->resource.close = NULL;
    wake_patient(watch);
    if (watch->reading)
        bide_engine_cancel(watch->loop->engine, watch->reading);
    unref(watch);
}

/* ── Adding and removing ──────────────────────────────────────────────── */

struct adding {
    struct bide__job job;
    int fd;
    const char *path;
    uint32_t changes;
};

static int add_job(struct bide__job *job)
{
    struct adding *adding = BIDE__CONTAINER(job, struct adding, job);
    int number =
        inotify_add_watch(adding->fd, adding->path, adding->changes);
    return number < 0 ? -errno : number;
}

static int add(bide_watch *watch, const char *path, uint32_t changes)
{
    static const struct bide__wait wait = {
        .name = "bide_watch_add",
        .cancel = bide__job_cancel,
    };
    struct adding adding = {
        .job.fn = add_job,
        .fd = watch->fd.fd,
        .path = path,
        .changes = changes,
    };
    struct place *place = new_place(path);
    if (!place || reserve(watch) < 0) {
        bide__free(place);
        return bide_raise(-ENOMEM, "no memory for watching '%.120s'", path);
    }
    int rc = bide__job_run(watch->loop->current, &adding.job, &wait);
    if (rc >= 0 && reserve(watch) == 0) {
        put(watch, place, rc);
        return watch->closing ? -EBADF : 0;
    }
    bide__free(place);
    if (rc >= 0) {
        inotify_rm_watch(watch->fd.fd, rc);
        rc = -ENOMEM;
    }
    if (rc == -ENOSPC)
        return bide_raise(rc,
                          "watching '%.100s': fs.inotify.max_user_watches is "
                          "reached",
                          path);
    return rc == -ECANCELED ? rc : bide__raise_path(rc, "watching", path);
}

int bide_watch_add(bide_watch *watch, const char *path, uint32_t changes)
{
    if (changes == 0 || (changes & ~(uint32_t)BIDE_WATCH_ALL))
        return bide_raise(-EINVAL, "changes is 0x%x, must be some of 0x%x",
                          changes, BIDE_WATCH_ALL);
    int rc = enter(watch, "bide_watch_add");
    if (rc < 0)
        return rc;
    watch->adding++;
    rc = add(watch, path, changes);
    if (--watch->adding == 0)
        wake_patient(watch);
    unref(watch);
    return rc;
}

int bide_watch_remove(bide_watch *watch, const char *path)
{
    int rc = check(watch, "bide_watch_remove");
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < watch->bucket_count; i++)
        for (struct place **link = &watch->buckets[i]; *link;
             link = &(*link)->next) {
            struct place *place = *link;
            if (strcmp(place->path, path) != 0)
                continue;
            take_out(watch, link);
            inotify_rm_watch(watch->fd.fd, place->number);
            retire(watch);
            watch->retired = place; /* an event may name it */
            return 0;
        }
    return bide_raise(-ENOENT, "'%.120s' is not watched", path);
}

/* ── Events ───────────────────────────────────────────────────────────── */

static int read_more(bide_watch *watch)
{
    static const struct bide__wait wait = {
        .name = "bide_watch_next",
        .cancel = bide__op_wait_cancel,
    };
    bide_op op;
    bide_task *self = watch->loop->current;
    uint32_t cancels = self->cancels;
    bide_op_read(&op, &watch->fd, watch->data, BUFFER, -1);
    watch->reading = &op;
    int64_t n = bide__op_await(self, &op, &wait);
    watch->reading = NULL;
    if (n == -ECANCELED && self->cancels == cancels)
        return -EBADF; /* it was for the closing */
    if (n < 0)
        return (int)n;
    watch->at = 0;
    watch->len = (size_t)n;
    return 0;
}

static void cancel_patience(bide_task *task, void *object)
{
    bide_watch *watch = object;
    watch->patient = NULL;
    bide__wake(task, -ECANCELED);
}

static int wait_for_adding(bide_watch *watch)
{
    static const struct bide__wait wait = {
        .name = "bide_watch_next",
        .cancel = cancel_patience,
        .weak = true,
    };
    watch->patient = watch->loop->current;
    return bide__park(watch->patient, &wait, watch);
}

#define REPORTED                                                              \
    ((uint32_t)(BIDE_WATCH_ALL | BIDE_WATCH_OVERFLOW | BIDE_WATCH_GONE))

static void fill(bide_watch_event *event, const struct inotify_event *from,
                 const char *path)
{
    *event = (bide_watch_event){
        .path = path,
        .name = from->len > 0 ? from->name : "",
        .change = from->mask & REPORTED,
        .cookie = from->cookie,
        .directory = from->mask & IN_ISDIR,
    };
}

/* One event from the buffer. Returns 1 with it, 0 for one that concerns
 * nobody, or a negative code with the event still in place. */
static int take(bide_watch *watch, bide_watch_event *ret_event)
{
    const struct inotify_event *from =
        (const void *)(watch->data + watch->at);
    struct place **link =
        watch->bucket_count > 0 ? find(watch, from->wd) : NULL;
    struct place *place = link ? *link : NULL;
    bool overflow = from->mask & IN_Q_OVERFLOW;
    if (!place && !overflow && watch->adding > 0)
        return wait_for_adding(watch);
    watch->at += sizeof *from + from->len;
    if (!(from->mask & REPORTED) || (!place && !overflow))
        return 0;
    fill(ret_event, from, overflow ? "" : place->path);
    if (from->mask & IN_IGNORED) {
        take_out(watch, link);
        watch->retired = place;
    }
    return 1;
}

static int next_event(bide_watch *watch, bide_watch_event *ret_event)
{
    retire(watch);
    bide__op_yield(watch->loop->current);
    for (;;) {
        int rc = 0;
        if (watch->closing)
            return -EBADF;
        if (watch->at == watch->len)
            rc = read_more(watch);
        else
            rc = take(watch, ret_event);
        if (rc != 0)
            return rc > 0 ? 0 : rc;
    }
}

int bide_watch_next(bide_watch *watch, bide_watch_event *ret_event)
{
    int rc = enter(watch, "bide_watch_next");
    if (rc < 0)
        return rc;
    rc = next_event(watch, ret_event);
    unref(watch);
    return rc;
}
