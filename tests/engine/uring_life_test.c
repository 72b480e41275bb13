/* SPDX-License-Identifier: MIT */
/*
 * uring_life_test.c — the uring backend and what is outside it: threads and
 * signals that wake it, loops that host it, forks that copy it.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "engine/uring_probe.h"

/* ── Waking up ────────────────────────────────────────────────────────── */

static int posts_run;
static bide_engine *posted_to;

static void count_post(bide_post *post)
{
    (void)post;
    posts_run++;
}

static void *post_often(void *data)
{
    static bide_post posts[200];
    (void)data;
    for (int i = 0; i < 200; i++) {
        posts[i].run = count_post;
        bide_engine_post(posted_to, &posts[i]);
    }
    return NULL;
}

TEST(posts_of_another_thread_end_the_wait)
{
    static const char *const steps[] = {"", "defer_taskrun"};
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        posted_to = open_engine(steps[i], (bide_engine_options){0});
        if (!posted_to)
            return;
        posts_run = 0;
        CHECK_OK(-pthread_create(&thread, NULL, post_often, NULL));
        while (posts_run < 200 &&
               CHECK_OK(bide_engine_poll(posted_to, BIDE_FOREVER)))
            continue;
        CHECK_OK(-pthread_join(thread, NULL));
        bide_engine_free(posted_to);
    }
}

/* Also as before 5.13, where the watch ends with each wake-up. A wake-up that
 * is not seen makes this hang. */
TEST(each_wake_up_ends_one_wait)
{
    for (int i = 0; i < 2; i++) {
        bide_engine *engine = open_plain();
        if (!engine)
            return;
        state_of(engine)->multishot_poll = i == 0;
        for (int round = 0; round < 5; round++) {
            engine->backend->wake(engine);
            CHECK_INT(bide_engine_poll(engine, BIDE_FOREVER), 0);
        }
        bide_engine_free(engine);
    }
}

static bool errno_kept;

static void post_from_signal(int number)
{
    static bide_post post = {.run = count_post};
    (void)number;
    int before = errno;
    errno = EDOM;
    bide_engine_post(posted_to, &post);
    errno_kept = errno == EDOM;
    errno = before;
}

TEST(a_post_from_a_signal_handler_ends_the_wait_and_leaves_errno)
{
    struct sigaction before, action = {.sa_handler = post_from_signal};
    posted_to = open_plain();
    if (!posted_to)
        return;
    sigaction(SIGUSR1, &action, &before);
    posts_run = 0;
    errno_kept = false;
    raise(SIGUSR1);
    CHECK_OK(bide_engine_poll(posted_to, BIDE_FOREVER));
    CHECK_INT(posts_run, 1);
    CHECK(errno_kept);
    sigaction(SIGUSR1, &before, NULL);
    bide_engine_free(posted_to);
}

static int wait_readable(int fd, int timeout_ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    return poll(&wait, 1, timeout_ms);
}

TEST(the_engines_descriptor_polls_readable_when_there_is_work)
{
    static const char *const steps[] = {"", "defer_taskrun", "coop_taskrun"};
    for (int i = 0; i < 3; i++) {
        bide_engine *engine = open_engine(steps[i],
                                          (bide_engine_options){0});
        bide_post post = {.run = count_post};
        struct pair pair;
        struct probe received;
        if (!engine)
            return;
        int fd = bide_engine_fileno(engine);
        pair_open(engine, &pair);
        probe_init(&received, engine);
        bide_op_recv_multi(&received.op, &pair.ours);
        submit(&received);
        poll_once(engine);
        CHECK_INT(wait_readable(fd, 0), 0);
        CHECK_INT(write(pair.peer, "x", 1), 1);
        CHECK_INT(wait_readable(fd, 5000), 1);
        poll_once(engine);
        CHECK_INT(received.len, 1);
        CHECK_INT(wait_readable(fd, 0), 0);
        CHECK_INT(write(pair.peer, "y", 1), 1);
        CHECK_INT(wait_readable(fd, 5000), 1);
        poll_once(engine);
        CHECK_INT(received.len, 2);
        bide_engine_post(engine, &post);
        CHECK_INT(wait_readable(fd, 5000), 1);
        poll_once(engine);
        bide_engine_cancel(engine, &received.op);
        wait_for(&received, 1);
        pair_close(engine, &pair);
        bide_engine_free(engine);
    }
}

/* ── Forks ────────────────────────────────────────────────────────────── */

/* In the child: the attached descriptor works, on a ring of its own. */
static bool child_talks(bide_engine *engine, struct pair *pair)
{
    struct probe sent;
    if (!CHECK_OK(bide_engine_after_fork(engine)))
        return false;
    probe_init(&sent, engine);
    bide_op_send(&sent.op, &pair->ours, "child", 5);
    submit(&sent);
    wait_for(&sent, 1);
    bool held = CHECK_INT(sent.last, 5);
    bide_engine_close(engine, &pair->ours);
    bide_engine_free(engine);
    return held;
}

static void fork_with(bide_engine *engine, struct pair *pair)
{
    char bytes[8];
    int status = -1;
    struct probe received;
    probe_init(&received, engine);
    bide_op_recv_multi(&received.op, &pair->ours);
    submit(&received);
    poll_once(engine);
    pid_t pid = fork();
    if (pid == 0) {
        bool held = child_talks(engine, pair);
        _exit(!held || received.calls > 0);
    }
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(status, 0);
    CHECK_INT(read(pair->peer, bytes, sizeof bytes), 5);
    CHECK(!peer_at_end(pair));
    CHECK_INT(write(pair->peer, "parent", 6), 6);
    wait_for_calls(&received, 1);
    CHECK_MEM(received.bytes, "parent", 6);
    bide_engine_cancel(engine, &received.op);
    wait_for(&received, 1);
}

TEST(a_forked_child_gets_a_ring_of_its_own_and_leaves_the_parents_alone)
{
    bide_engine *engine = open_plain();
    struct pair pair;
    if (!engine)
        return;
    pair_open(engine, &pair);
    use_often(engine, &pair);
    fork_with(engine, &pair);
    use_often(engine, &pair);
    pair_close(engine, &pair);
    bide_engine_free(engine);
}

/* Queued before the fork, executed by the parent: the copy is the child's. */
TEST(a_forked_child_closes_its_copy_of_what_was_being_closed)
{
    bide_engine *engine = open_plain();
    struct pair pair;
    int status = -1;
    if (!engine)
        return;
    pair_open(engine, &pair);
    int fd = pair.ours.fd;
    bide_engine_close(engine, &pair.ours);
    pid_t pid = fork();
    if (pid == 0) {
        int rc = bide_engine_after_fork(engine);
        _exit(rc < 0 || fcntl(fd, F_GETFD) >= 0);
    }
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(status, 0);
    poll_once(engine);
    CHECK(peer_at_end(&pair));
    close(pair.peer);
    bide_engine_free(engine);
}

static void *kept_bytes;

static void keep_bytes(bide_op *op)
{
    struct probe *probe = BIDE__CONTAINER(op, struct probe, op);
    if ((op->flags & BIDE_OP_DATA) && !kept_bytes &&
        CHECK(bide_engine_keep(probe->engine)))
        kept_bytes = op->buffer;
    note(op);
}

/* All eight buffers are the child's, but for the one that is still read. */
static bool child_receives(bide_engine *engine)
{
    bool held = CHECK_OK(bide_engine_after_fork(engine));
    struct bide__ring_buffers *buffers = &state_of(engine)->buffers;
    struct pair pair;
    struct probe received;
    pair_open(engine, &pair);
    probe_init(&received, engine);
    bide_op_recv_multi(&received.op, &pair.ours);
    submit(&received);
    for (int i = 0; i < 20; i++) {
        held = CHECK_INT(write(pair.peer, "x", 1), 1) && held;
        wait_for_calls(&received, i + 1);
        held = CHECK_MEM(kept_bytes, "kept", 4) && held;
    }
    bide_engine_give_back(engine, kept_bytes);
    return CHECK_INT(buffers->spare_count + buffers->offered, 8) && held;
}

TEST(a_buffer_that_is_kept_survives_a_fork)
{
    bide_engine_options options = {.buffer_count = 8, .buffer_size = 64};
    static const char *const steps[] = {"", "buffer_ring"};
    for (int i = 0; i < 2; i++) {
        bide_engine *engine = open_engine(steps[i], options);
        struct pair pair;
        struct probe received;
        int status = -1;
        if (!engine)
            return;
        pair_open(engine, &pair);
        probe_init(&received, engine);
        kept_bytes = NULL;
        bide_op_recv_multi(&received.op, &pair.ours);
        received.op.done = keep_bytes;
        submit(&received);
        CHECK_INT(write(pair.peer, "kept", 4), 4);
        wait_for_calls(&received, 1);
        pid_t pid = fork();
        if (pid == 0)
            _exit(!child_receives(engine));
        CHECK_INT(waitpid(pid, &status, 0), pid);
        CHECK_INT(status, 0);
        bide_engine_give_back(engine, kept_bytes);
        close(pair.peer);
        wait_for(&received, 1);
        bide_engine_close(engine, &pair.ours);
        bide_engine_free(engine);
    }
}
