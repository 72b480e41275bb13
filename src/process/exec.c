/* SPDX-License-Identifier: MIT */
/*
 * exec.c — starting a child: what the options mean, its pipes, the messages.
 *
 * Everything that can fail for lack of memory or descriptors happens before
 * the child exists, as far as possible. What the thread reads that starts it
 * (spawn.c) lies in the frame of the calling task, which is parked meanwhile,
 * or is copied: other tasks may change the environment.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "process/process.h"
#include "process/spawn.h"

/* Where programs are looked for when there is no PATH, execvp(3). */
#define DEFAULT_PATH "/bin:/usr/bin"

/* What one call of bide_process_exec() needs until it returns. */
struct start {
    bide_process *process;
    const bide_process_options *options;
    struct bide__spawn spawn;
    int opened[3]; /* the child's ends, ours to close; -1: none */
    const char **env;
    int pass_fds[BIDE_PASS_FDS_MAX];
};

/* ── Standard streams ─────────────────────────────────────────────────── */

static const char *const stream_names[] = {"in", "out", "err"};

/* A pipe: one end becomes a stream of the process, one goes to the child. */
static int open_pipe(struct start *start, int which)
{
    bide_process *process = start->process;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    bool writes = which == 0; /* do we */
    bide_stream *stream;
    int rc =
        bide__stream_new_kind(process->loop, ends[writes], BIDE_FD_STREAM,
                              start->options->limit, &stream);
    if (rc < 0) {
        close(ends[0]);
        close(ends[1]);
        return rc;
    }
    bide__stream_ref(stream);
    process->streams[which] = stream;
    start->opened[which] = ends[!writes];
    return 0;
}

static int open_null(struct start *start, int which)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    start->opened[which] = fd;
    return fd < 0 ? -errno : 0;
}

static int take_descriptor(struct start *start, int which, int fd)
{
    if (fcntl(fd, F_GETFD) < 0)
        return bide_raise(-EBADF, "options.%s is %d, which is not open",
                          stream_names[which], fd);
    start->spawn.fds[which] = fd;
    return 0;
}

static int open_stdio(struct start *start, int which, int choice)
{
    int rc = 0;
    start->spawn.fds[which] = -1;
    if (choice == BIDE_INHERIT)
        return 0;
    if (choice > 0)
        return take_descriptor(start, which, choice);
    if (choice == BIDE_PIPE)
        rc = open_pipe(start, which);
    else if (choice == BIDE_DEVNULL)
        rc = open_null(start, which);
    else if (choice != BIDE_STDOUT || which != 2)
        return bide_raise(-EINVAL,
                          "options.%s is %d: use BIDE_PIPE, BIDE_DEVNULL, a "
                          "descriptor%s",
                          stream_names[which], choice,
                          which == 2 ? ", or BIDE_STDOUT" : "");
    else
        start->spawn.fds[2] =
            start->spawn.fds[1] >= 0 ? start->spawn.fds[1] : 1;
    if (start->opened[which] >= 0)
        start->spawn.fds[which] = start->opened[which];
    return rc;
}

/* ── The other options ────────────────────────────────────────────────── */

/* Copy, sort, drop doubles and what the standard streams decide. */
static int take_pass_fds(struct start *start)
{
    const bide_process_options *options = start->options;
    size_t count = 0;
    if (options->pass_fds_count > BIDE_PASS_FDS_MAX)
        return bide_raise(-EINVAL, "pass_fds_count is %zu, at most %d",
                          options->pass_fds_count, BIDE_PASS_FDS_MAX);
    for (size_t i = 0; i < options->pass_fds_count; i++) {
        int fd = options->pass_fds[i];
        if (fcntl(fd, F_GETFD) < 0)
            return bide_raise(-EBADF, "pass_fds has %d, which is not open",
                              fd);
        size_t at = count;
        while (at > 0 && start->pass_fds[at - 1] > fd)
            at--;
        if (fd < 3 || (at > 0 && start->pass_fds[at - 1] == fd))
            continue;
        memmove(start->pass_fds + at + 1, start->pass_fds + at,
                (count - at) * sizeof *start->pass_fds);
        start->pass_fds[at] = fd;
        count++;
    }
    start->spawn.pass_fds = start->pass_fds;
    start->spawn.pass_fds_count = count;
    return 0;
}

static int copy_env(struct start *start)
{
    const char *const *env = start->options->env;
    size_t count = 0;
    if (!env)
        env = (const char *const *)(uintptr_t)environ;
    while (env && env[count])
        count++;
    start->env = bide__malloc((count + 1) * sizeof *start->env);
    if (!start->env)
        return -ENOMEM;
    start->spawn.path = DEFAULT_PATH;
    for (size_t i = 0; i < count; i++) {
        start->env[i] = env[i];
        if (strncmp(env[i], "PATH=", 5) == 0)
            start->spawn.path = env[i] + 5;
    }
    start->env[count] = NULL;
    start->spawn.envp = start->env;
    return 0;
}

static pid_t group_of(const bide_process_options *options)
{
    if (options->group > 0)
        return options->group;
    return options->new_group ? 0 : -1;
}

static int prepare(struct start *start, const bide_process_options *options,
                   const char *const *argv)
{
    start->spawn.file = argv[0];
    start->spawn.argv = argv;
    start->spawn.cwd = options->cwd;
    start->spawn.new_session = options->new_session;
    start->spawn.group = group_of(options);
    if (options->group < 0)
        return bide_raise(-EINVAL, "group is %d, must be at least 0",
                          (int)options->group);
    int rc = take_pass_fds(start);
    if (rc == 0)
        rc = copy_env(start);
    if (rc == 0)
        rc = open_stdio(start, 0, options->in);
    if (rc == 0)
        rc = open_stdio(start, 1, options->out);
    if (rc == 0)
        rc = open_stdio(start, 2, options->err);
    return rc;
}

/* ── Starting ─────────────────────────────────────────────────────────── */

static int raise_step(const struct bide__spawn *spawn)
{
    const char *why = bide_strerror(spawn->code);
    switch (spawn->step) {
    case BIDE__SPAWN_FORK:
        return bide_raise(spawn->code, "no process for program '%s': %s",
                          spawn->file, why);
    case BIDE__SPAWN_GROUP:
        return bide_raise(spawn->code, "process group %d: %s",
                          (int)spawn->group, why);
    case BIDE__SPAWN_CWD:
        return bide_raise(spawn->code, "working directory '%s': %s",
                          spawn->cwd, why);
    case BIDE__SPAWN_STDIO:
        return bide_raise(spawn->code, "a standard stream of '%s': %s",
                          spawn->file, why);
    case BIDE__SPAWN_PASS:
        return bide_raise(spawn->code, "a descriptor of pass_fds: %s", why);
    default:
        if (spawn->code == -ENOENT && !strchr(spawn->file, '/'))
            return bide_raise(spawn->code,
                              "program '%s' is in no directory of PATH",
                              spawn->file);
        return bide_raise(spawn->code, "program '%s': %s", spawn->file, why);
    }
}

static const struct bide__wait spawn_wait = {
    .name = "bide_process_exec",
    .cancel = bide__op_wait_cancel,
};

static int spawn(bide_task *self, struct bide__spawn *spawn)
{
    bide_op op;
    bide_op_work(&op, bide_engine_pool(self->loop->engine, BIDE_POOL_FILE),
                 bide__spawn, spawn);
    int rc = (int)bide__op_await(self, &op, &spawn_wait);
    if (rc < 0 && rc == spawn->code)
        return raise_step(spawn);
    if (rc == -EAGAIN)
        return bide_raise(rc, "too many programs wait to be started");
    return rc;
}

static void close_left_open(struct bide__resource *resource)
{
    bide_process_close(BIDE__CONTAINER(resource, bide_process, resource));
}

static int start_child(bide_task *self, struct start *start)
{
    bide_process *process = start->process;
    int rc = spawn(self, &start->spawn);
    if (rc < 0)
        return rc;
    process->pid = start->spawn.pid;
    rc = bide__process_watch(process, start->spawn.pidfd);
    if (rc < 0) {
        (void)bide__process_end_now(start->spawn.pidfd);
        close(start->spawn.pidfd);
        return rc;
    }
    process->resource.close = close_left_open;
    return 0;
}

/* The process is listed before its streams, so that at the loop's end it is
 * the one to be reported, not they. */
static bide_process *process_new(bide_loop *loop)
{
    bide_process *process = bide__calloc(1, sizeof *process);
    if (!process)
        return NULL;
    process->loop = loop;
    process->pidfd.fd = -1;
    process->resource.kind = "process";
    bide__list_append(&loop->resources, &process->resource.link);
    return process;
}

static int run_program(bide_task *self, const char *const *argv,
                       const bide_process_options *given,
                       bide_process **ret_process)
{
    bide_process_options options = {.in = BIDE_INHERIT};
    if (given)
        options = *given;
    int rc = bide__stream_limit(&options.limit);
    if (rc < 0)
        return rc;
    struct start start = {.options = &options, .opened = {-1, -1, -1}};
    start.process = process_new(self->loop);
    if (!start.process)
        return -ENOMEM;
    rc = prepare(&start, &options, argv);
    if (rc == 0)
        rc = start_child(self, &start);
    for (size_t i = 0; i < BIDE__COUNT(start.opened); i++)
        if (start.opened[i] >= 0)
            close(start.opened[i]);
    bide__free(start.env);
    if (rc == 0) {
        *ret_process = start.process;
        return 0;
    }
    bide__process_close_streams(start.process);
    bide__list_remove(&start.process->resource.link);
    bide__free(start.process);
    return rc;
}

int bide_process_exec(const char *const *argv,
                      const bide_process_options *options,
                      bide_process **ret_process)
{
    bide_task *self = bide__enter("bide_process_exec");
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    if (!argv[0])
        return bide_raise(-EINVAL, "argv is empty, it must name a program");
    return run_program(self, argv, options, ret_process);
}

int bide_process_shell(const char *command,
                       const bide_process_options *options,
                       bide_process **ret_process)
{
    bide_task *self = bide__enter("bide_process_shell");
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    return run_program(self, argv, options, ret_process);
}
