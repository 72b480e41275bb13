/* SPDX-License-Identifier: MIT */
/*
 * inspect.c — a socket at which tools may look at a running loop.
 *
 * There is none unless it was asked for: by BIDE_INSPECT in the environment,
 * or by bide_inspect_open(). It lies in a directory that only its owner can
 * enter, and who connects must have the same user id, or be root:
 *
 *     $XDG_RUNTIME_DIR/bide/PID, or else /tmp/bide-UID/PID
 *
 * A task of the loop serves it, one client after the other: it reads a line,
 * answers with lines (snapshot.c) and closes. A client can cost the program
 * little: a request is short, an answer goes through one buffer, neither side
 * may pause for more than a second, and after each client the task rests. It
 * is hidden from the program: not counted among its tasks, without a number.
 */
#include "task/inspect.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <bide/debug.h>
#include <bide/timeout.h>

#include "task/trace.h"

#define BACKLOG 4
#define REQUEST_MAX 64      /* bytes */
#define PATIENCE 1.0        /* seconds that a client may take to read or write
                               anything */
#define ANSWER_SECONDS 60.0 /* that it may take altogether */
#define REST 0.02           /* seconds between two clients */
#define RETRY 0.1           /* seconds until accepting is tried again */
#define SERVER_STACK ((size_t)64 << 10)

struct inspector {
    bide_loop *loop;
    bide_fd listener;
    struct sockaddr_un address;
};

/* ── One client ───────────────────────────────────────────────────────── */

static const struct bide__wait serve_wait = {
    .name = "bide_inspect_open",
    .cancel = bide__op_wait_cancel,
};

int bide__snapshot_flush(struct bide__snapshot *snapshot)
{
    if (snapshot->error == 0 && snapshot->used > 0) {
        bide_op op;
        bide_timeout timeout;
        bide_op_send(&op, snapshot->peer, snapshot->buffer, snapshot->used);
        bide_timeout_enter(&timeout, PATIENCE);
        int64_t sent = bide__op_await(snapshot->self, &op, &serve_wait);
        int rc = bide_timeout_exit(&timeout, sent < 0 ? (int)sent : 0);
        snapshot->error = rc;
    }
    snapshot->used = 0;
    return snapshot->error;
}

/* Read up to the end of a line. Returns 0 or a negative code. */
static int read_request(bide_task *self, bide_fd *peer,
                        char request[REQUEST_MAX + 1])
{
    size_t used = 0;
    char *end = NULL;
    while (!end) {
        if (used == REQUEST_MAX)
            return -EMSGSIZE;
        bide_op op;
        bide_op_recv(&op, peer, request + used, REQUEST_MAX - used);
        int64_t n = bide__op_await(self, &op, &serve_wait);
        if (n <= 0)
            return n < 0 ? (int)n : -ECONNRESET;
        used += (size_t)n;
        request[used] = '\0';
        end = memchr(request, '\n', used);
    }
    *end = '\0';
    return 0;
}

static bool may_look(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

static int answer(bide_task *self, bide_fd *peer)
{
    char request[REQUEST_MAX + 1];
    bide_timeout timeout;
    bide_timeout_enter(&timeout, PATIENCE);
    int rc = read_request(self, peer, request);
    rc = bide_timeout_exit(&timeout, rc);
    if (rc < 0)
        return rc;
    struct bide__snapshot *snapshot = bide__malloc(sizeof *snapshot);
    if (!snapshot)
        return -ENOMEM;
    snapshot->self = self;
    snapshot->peer = peer;
    snapshot->error = 0;
    snapshot->used = 0;
    bide_timeout_enter(&timeout, ANSWER_SECONDS);
    rc = bide__snapshot_write(snapshot, request);
    rc = bide_timeout_exit(&timeout, rc);
    bide__free(snapshot);
    return rc;
}

/* Whatever goes wrong with a client is the client's affair: only our own
 * cancellation counts. */
static int serve_client(bide_task *self, int fd)
{
    bide_engine *engine = self->loop->engine;
    bide_fd peer;
    if (!may_look(fd) ||
        bide_engine_attach(engine, &peer, fd, BIDE_FD_STREAM) < 0) {
        close(fd);
        return 0;
    }
    int rc = answer(self, &peer);
    bide_engine_close(engine, &peer);
    return rc == -ECANCELED ? rc : 0;
}

static int serve(void *arg)
{
    struct inspector *inspector = arg;
    bide_task *self = inspector->loop->current;
    int rc = 0;
    while (rc == 0) {
        bide_op op;
        bide_op_accept(&op, &inspector->listener);
        int64_t fd = bide__op_await(self, &op, &serve_wait);
        if (fd >= 0)
            rc = serve_client(self, (int)fd);
        if (fd == -ECANCELED)
            rc = -ECANCELED;
        if (rc == 0)
            rc = bide_sleep(fd >= 0 ? REST : RETRY);
    }
    return rc;
}

/* Called also if the task never began. */
static void end_serving(bide_task *task, void *data)
{
    struct inspector *inspector = data;
    (void)unlink(inspector->address.sun_path);
    bide_engine_close(task->loop->engine, &inspector->listener);
    bide__free(inspector);
}

/* ── The socket ───────────────────────────────────────────────────────── */

/* Make the directory if need be, and see that nobody else can enter it. */
static int check_directory(const char *path)
{
    struct stat status;
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return bide_raise(-errno, "making the directory '%s' for tools: %s",
                          path, bide_strerror(-errno));
    if (lstat(path, &status) < 0)
        return bide_raise(-errno, "looking at '%s': %s", path,
                          bide_strerror(-errno));
    if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() ||
        (status.st_mode & 077))
        return bide_raise(-EPERM, "'%s' is no directory that only user %u can "
                                  "enter; make it so, or choose another",
                          path, (unsigned)geteuid());
    return 0;
}

static int default_directory(char *path, size_t size)
{
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
    int len = runtime && *runtime == '/'
                  ? snprintf(path, size, "%s/bide", runtime)
                  : snprintf(path, size, "/tmp/bide-%u", (unsigned)geteuid());
    return len > 0 && (size_t)len < size
               ? 0
               : bide_raise(-ENAMETOOLONG, "XDG_RUNTIME_DIR is too long");
}

/* PID for the first loop of the process, PID-2 for the second … */
static int make_address(const char *directory, struct sockaddr_un *address)
{
    static atomic_uint loops;
    unsigned number = atomic_fetch_add(&loops, 1) + 1;
    char suffix[16] = "";
    if (number > 1)
        snprintf(suffix, sizeof suffix, "-%u", number);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int len = snprintf(address->sun_path, sizeof address->sun_path,
                       "%s/%d%s", directory, (int)getpid(), suffix);
    if (len < 0 || (size_t)len >= sizeof address->sun_path)
        return bide_raise(-ENAMETOOLONG,
                          "the path of the socket for tools has %d bytes, at "
                          "most %zu",
                          len, sizeof address->sun_path - 1);
    return 0;
}

/* A file of this name is left over from a process that had our number. */
static int listen_at(const struct sockaddr_un *address)
{
    const struct sockaddr *any = (const void *)address;
    const char *path = address->sun_path;
    (void)unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && fchmod(fd, 0600) == 0 &&
        bind(fd, any, sizeof *address) == 0 && chmod(path, 0600) == 0 &&
        listen(fd, BACKLOG) == 0)
        return fd;
    int code = -errno;
    if (fd >= 0)
        close(fd);
    return bide_raise(code, "listening on '%s' for tools: %s", path,
                      bide_strerror(code));
}

static int open_listener(struct inspector *inspector, const char *directory)
{
    char path[sizeof inspector->address.sun_path];
    int rc = 0;
    if (!directory) {
        rc = default_directory(path, sizeof path);
        directory = path;
    }
    if (rc == 0)
        rc = check_directory(directory);
    if (rc == 0)
        rc = make_address(directory, &inspector->address);
    int fd = rc == 0 ? listen_at(&inspector->address) : rc;
    if (fd < 0)
        return fd;
    rc = bide_engine_attach(inspector->loop->engine, &inspector->listener, fd,
                            BIDE_FD_STREAM);
    if (rc < 0)
        close(fd);
    return rc;
}

/* ── Opening ──────────────────────────────────────────────────────────── */

static int start_serving(struct inspector *inspector)
{
    static const bide_task_options options = {
        .name = "bide inspect",
        .stack_size = SERVER_STACK,
    };
    bide_loop *loop = inspector->loop;
    uint64_t next_id = loop->next_id;
    bide_task *task = bide__task_new(loop, serve, inspector, &options);
    loop->next_id = next_id;
    if (!task)
        return -ENOMEM;
    task->id = 0;
    task->flags |= BIDE__FLAG_OURS;
    task->on_done = end_serving;
    task->on_done_data = inspector;
    loop->inspected = true;
    (void)bide__task_launch(task, &options);
    bide__task_unref(task);
    return 0;
}

static int open_to_tools(bide_loop *loop, const char *directory)
{
    struct inspector *inspector = bide__calloc(1, sizeof *inspector);
    if (!inspector)
        return -ENOMEM;
    inspector->loop = loop;
    int rc = open_listener(inspector, directory);
    if (rc < 0) {
        bide__free(inspector);
        return rc;
    }
    rc = start_serving(inspector);
    if (rc < 0) {
        (void)unlink(inspector->address.sun_path);
        bide_engine_close(loop->engine, &inspector->listener);
        bide__free(inspector);
    }
    return rc;
}

int bide_inspect_open(const char *directory)
{
    bide_loop *loop = bide__enter_loop("bide_inspect_open");
    if (loop->inspected)
        return 0;
    if (directory && *directory != '/')
        return bide_raise(-EINVAL, "the directory for tools is '%s', must "
                                   "begin with a slash",
                          directory);
    return open_to_tools(loop, directory);
}

/* Programs must not fail for lack of what they did not ask for themselves. In
 * virtual time there is nobody outside to look. */
void bide__inspect_start(bide_loop *loop)
{
    const char *wish = secure_getenv("BIDE_INSPECT");
    if (!wish || !*wish || strcmp(wish, "0") == 0 ||
        strcmp(bide_engine_backend(loop->engine), "sim") == 0)
        return;
    if (strcmp(wish, "1") != 0 && *wish != '/') {
        bide__complain("BIDE_INSPECT is '%s', must be 1 or the path of a "
                       "directory",
                       wish);
        return;
    }
    int rc = open_to_tools(loop, *wish == '/' ? wish : NULL);
    if (rc < 0)
        bide__complain("BIDE_INSPECT: %s", bide_errmsg(rc));
}
