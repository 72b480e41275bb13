/* SPDX-License-Identifier: MIT */
/*
 * log.c — lines that wait to be written, and the thread that writes them.
 *
 * There are two buffers: servers add lines to the one in front, whatever
 * thread they run on, while the log's thread writes the one behind. They
 * change places when the interval is over, or when the front is half full.
 *
 *     servers ──line──► front ──┐ swap          one write(2)
 *                               └────► behind ──────────────► file
 *
 * Invariant: `front` and all that is shared is touched under the lock; the
 * thread alone touches `behind` and the descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "http/log/log.h"

#define BUFFER_DEFAULT ((size_t)1 << 20)
#define BUFFER_LEAST ((size_t)64 << 10)
#define BUFFER_MOST ((size_t)1 << 30)

struct lines {
    char *data;
    size_t len;
    uint64_t count;
};

struct bide_http_log {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* on CLOCK_MONOTONIC */
    struct lines front, behind;
    size_t room; /* bytes of each */
    uint64_t dropped;
    bool json, closing, reopen;
    int64_t interval_ns;
    int fd;
    char *path;
};

/* ── Adding ───────────────────────────────────────────────────────────── */

void bide__http_log_add(bide_http_log *log, const bide_http_request *request)
{
    struct lines *front = &log->front;
    pthread_mutex_lock(&log->lock);
    size_t before = front->len;
    if (log->room - before < BIDE__LOG_LINE_MAX) {
        log->dropped++;
    } else {
        char *line = front->data + before;
        front->len += log->json ? bide__log_line_json(request, line)
                                : bide__log_line_combined(request, line);
        front->count++;
    }
    /* The thread sleeps until there is a line, and then until there are many
     * or the interval is over. */
    size_t half = log->room / 2;
    bool wake = (before == 0 && front->len > 0) ||
                (before < half && front->len >= half);
    pthread_mutex_unlock(&log->lock);
    if (wake)
        pthread_cond_signal(&log->changed);
}

/* ── Writing ──────────────────────────────────────────────────────────── */

static int open_path(const char *path)
{
    if (strcmp(path, "-") == 0)
        return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

/* Returns whether all was written. */
static bool write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EAGAIN) {
            struct pollfd one = {.fd = fd, .events = POLLOUT};
            (void)poll(&one, 1, -1);
        } else if (n < 0 && errno != EINTR) {
            return false;
        }
        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

static void sleep_until_due(bide_http_log *log)
{
    struct timespec when;
    while (!log->closing && !log->reopen && log->front.len == 0)
        pthread_cond_wait(&log->changed, &log->lock);
    clock_gettime(CLOCK_MONOTONIC, &when);
    int64_t ns = when.tv_nsec + log->interval_ns % 1000000000;
    when.tv_sec += (time_t)(log->interval_ns / 1000000000 + ns / 1000000000);
    when.tv_nsec = (long)(ns % 1000000000);
    int error = 0;
    while (!log->closing && !log->reopen && error == 0 &&
           log->front.len < log->room / 2)
        error = pthread_cond_timedwait(&log->changed, &log->lock, &when);
}

static void reopen(bide_http_log *log)
{
    int fd = open_path(log->path);
    if (fd < 0)
        return;
    close(log->fd);
    log->fd = fd;
}

static void *write_lines(void *arg)
{
    bide_http_log *log = arg;
    bool last = false;
    pthread_mutex_lock(&log->lock);
    while (!last) {
        sleep_until_due(log);
        last = log->closing;
        bool anew = log->reopen;
        struct lines full = log->front;
        log->reopen = false;
        log->front = (struct lines){.data = log->behind.data};
        log->behind = full;
        pthread_mutex_unlock(&log->lock);
        bool written = write_all(log->fd, full.data, full.len);
        if (anew)
            reopen(log);
        pthread_mutex_lock(&log->lock);
        if (!written)
            log->dropped += full.count;
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

/* ── Life ─────────────────────────────────────────────────────────────── */

static int check_options(bide_http_log_options *options)
{
    if (options->buffer == 0)
        options->buffer = BUFFER_DEFAULT;
    if (options->buffer < BUFFER_LEAST || options->buffer > BUFFER_MOST)
        return bide_raise(-EINVAL, "buffer is %zu bytes, must be %zu to %zu",
                          options->buffer, BUFFER_LEAST, BUFFER_MOST);
    if (options->interval == 0)
        options->interval = 1;
    if (!(options->interval > 0 && options->interval <= 3600))
        return bide_raise(-EINVAL, "interval is %g s, must be at most 3600",
                          options->interval);
    return 0;
}

static void free_log(bide_http_log *log)
{
    if (log->fd >= 0)
        close(log->fd);
    bide_release(log->front.data);
    bide_release(log->behind.data);
    bide_release(log->path);
    bide_release(log);
}

static int fill(bide_http_log *log, const char *path,
                const bide_http_log_options *options)
{
    log->json = options->json;
    log->room = options->buffer;
    log->interval_ns = (int64_t)(options->interval * 1e9);
    log->front.data = bide_allocate(log->room);
    log->behind.data = bide_allocate(log->room);
    log->path = bide_allocate(strlen(path) + 1);
    if (!log->front.data || !log->behind.data || !log->path)
        return -ENOMEM;
    strcpy(log->path, path);
    log->fd = open_path(path);
    if (log->fd < 0)
        return bide_raise(-errno, "opening '%.100s': %s", path,
                          bide_strerror(-errno));
    return 0;
}

/* Signals are for the threads that the program has made itself. */
static int start_thread(bide_http_log *log)
{
    pthread_condattr_t attributes;
    sigset_t all, before;
    pthread_mutex_init(&log->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&log->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&log->thread, NULL, write_lines, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) {
        pthread_setname_np(log->thread, "bide-http-log");
        return 0;
    }
    pthread_cond_destroy(&log->changed);
    pthread_mutex_destroy(&log->lock);
    return bide_raise(-error, "no thread for the log: %s",
                      bide_strerror(-error));
}

int bide_http_log_open(const char *path, const bide_http_log_options *options,
                       bide_http_log **ret_log)
{
    bide_http_log_options given = {.json = false};
    if (options)
        given = *options;
    int rc = check_options(&given);
    if (rc < 0)
        return rc;
    bide_http_log *log = bide_allocate(sizeof *log);
    if (!log)
        return -ENOMEM;
    memset(log, 0, sizeof *log);
    log->fd = -1;
    rc = fill(log, path, &given);
    if (rc == 0)
        rc = start_thread(log);
    if (rc < 0)
        free_log(log);
    else
        *ret_log = log;
    return rc;
}

void bide_http_log_close(bide_http_log *log)
{
    if (!log)
        return;
    pthread_mutex_lock(&log->lock);
    log->closing = true;
    pthread_mutex_unlock(&log->lock);
    pthread_cond_signal(&log->changed);
    pthread_join(log->thread, NULL);
    pthread_cond_destroy(&log->changed);
    pthread_mutex_destroy(&log->lock);
    free_log(log);
}

void bide_http_log_reopen(bide_http_log *log)
{
    pthread_mutex_lock(&log->lock);
    log->reopen = true;
    pthread_mutex_unlock(&log->lock);
    pthread_cond_signal(&log->changed);
}

uint64_t bide_http_log_dropped(bide_http_log *log)
{
    pthread_mutex_lock(&log->lock);
    uint64_t dropped = log->dropped;
    pthread_mutex_unlock(&log->lock);
    return dropped;
}
