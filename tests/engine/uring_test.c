/* SPDX-License-Identifier: MIT */
/*
 * uring_test.c — what only the uring backend has: its ladder of features,
 * registered descriptors and the kernel's pool of buffers.
 *
 * BIDE_URING_WITHOUT stands in for older kernels; src/engine/uring_open.c
 * lists what it takes. That all backends give the same results is the matter
 * of contract_test.c.
 */
#include <dlfcn.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "engine/uring_probe.h"

/* ── An older kernel ──────────────────────────────────────────────────── */

/* Flags of io_uring_setup(2) to refuse, as a kernel that does not know them
 * would. */
static uint32_t refused_flags;
static int refusals;

/* Stands in front of libc's. */
long syscall(long number, ...)
{
    static long (*real)(long, ...);
    long args[6] = {0};
    int count = number == __NR_io_uring_setup      ? 2
                : number == __NR_io_uring_register ? 4
                                                   : 6;
    va_list list;
    va_start(list, number);
    for (int i = 0; i < count; i++)
        args[i] = va_arg(list, long);
    va_end(list);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "syscall");
    if (number == __NR_io_uring_setup) {
        const struct io_uring_params *params = (const void *)args[1];
        if (params->flags & refused_flags) {
            refusals++;
            errno = EINVAL;
            return -1;
        }
    }
    return real(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

/* ── The ladder ───────────────────────────────────────────────────────── */

static int listen_on(struct sockaddr_storage *address, socklen_t *len)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address->ss_family = AF_UNIX;
    *len = sizeof(sa_family_t); /* the kernel picks a name */
    CHECK_OK(bind(fd, (struct sockaddr *)address, *len));
    CHECK_OK(listen(fd, 16));
    *len = sizeof *address;
    CHECK_OK(getsockname(fd, (struct sockaddr *)address, len));
    return fd;
}

/* Two connections arrive, one talks, one operation of each kind that differs
 * by kernel ends in each way that it can. */
static void serve(bide_engine *engine)
{
    struct sockaddr_storage address;
    socklen_t len;
    bide_fd listener;
    struct pair pair;
    struct probe accepted, received, sent;
    CHECK_OK(bide_engine_attach(engine, &listener, listen_on(&address, &len),
                                BIDE_FD_STREAM));
    probe_init(&accepted, engine);
    bide_op_accept_multi(&accepted.op, &listener);
    submit(&accepted);
    for (int i = 1; i <= 2; i++) {
        pair.peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_OK(connect(pair.peer, (struct sockaddr *)&address, len));
        wait_for_calls(&accepted, i);
        CHECK_INT(fcntl((int)accepted.last, F_GETFD), FD_CLOEXEC);
        CHECK(fcntl((int)accepted.last, F_GETFL) & O_NONBLOCK);
        if (i == 1) {
            close((int)accepted.last);
            close(pair.peer);
        }
    }
    CHECK_OK(bide_engine_attach(engine, &pair.ours, (int)accepted.last,
                                BIDE_FD_STREAM));
    probe_init(&received, engine);
    bide_op_recv_multi(&received.op, &pair.ours);
    submit(&received);
    poll_once(engine);
    CHECK_INT(write(pair.peer, "one", 3), 3);
    wait_for_calls(&received, 1);
    CHECK_INT(write(pair.peer, "two", 3), 3);
    wait_for_calls(&received, 2);
    CHECK_INT(received.len, 6);
    CHECK_MEM(received.bytes, "onetwo", 6);
    use_often(engine, &pair);
    probe_init(&sent, engine);
    bide_op_send(&sent.op, &pair.ours, "end", 3);
    submit(&sent);
    wait_for(&sent, 1);
    bide_engine_cancel(engine, &received.op);
    wait_for(&received, 1);
    CHECK_ERR(received.last, -ECANCELED);
    bide_engine_cancel(engine, &accepted.op);
    wait_for(&accepted, 1);
    CHECK_ERR(accepted.last, -ECANCELED);
    bide_engine_close(engine, &listener);
    pair_close(engine, &pair);
}

TEST(every_step_of_the_ladder_serves_a_connection)
{
    static const char *const steps[] = {
        "",           "no_sqarray",    "defer_taskrun",   "single_issuer",
        "submit_all", "coop_taskrun",  "registered_ring", "buffer_ring",
        "cqe_skip",   "fixed_files",   "flush",           "file_ops",
        "submit_all,registered_ring,buffer_ring,cqe_skip,fixed_files",
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        printf("# without '%s'\n", steps[i]);
        bide_engine *engine = open_engine(steps[i], (bide_engine_options){0});
        if (!engine)
            return;
        serve(engine);
        bide_engine_free(engine);
    }
}

TEST(a_flag_held_back_takes_away_what_came_after_it)
{
    bide_engine *engine = open_engine("single_issuer",
                                      (bide_engine_options){0});
    if (!engine)
        return;
    CHECK(state_of(engine)->ring.level <= BIDE__RING_5_19);
    CHECK(!state_of(engine)->multishot_recv);
    bide_engine_free(engine);
}

TEST(flags_that_the_kernel_refuses_are_dropped_newest_first)
{
    static const uint32_t flags[BIDE__RING_LEVELS] = {
        [BIDE__RING_5_18] = IORING_SETUP_SUBMIT_ALL,
        [BIDE__RING_5_19] = IORING_SETUP_COOP_TASKRUN,
        [BIDE__RING_6_0] = IORING_SETUP_SINGLE_ISSUER,
        [BIDE__RING_6_1] = IORING_SETUP_DEFER_TASKRUN,
        [BIDE__RING_6_6] = BIDE__SETUP_NO_SQARRAY,
    };
    bide_engine *before = open_plain();
    if (!before)
        return;
    int most = (int)state_of(before)->ring.level;
    bide_engine_free(before);
    for (int level = most; level > 0; level--) {
        refused_flags |= flags[level];
        refusals = 0;
        bide_engine *engine = open_plain();
        if (engine) {
            CHECK_INT(refusals, most - level + 1);
            CHECK_INT(state_of(engine)->ring.level, level - 1);
            serve(engine);
        }
        bide_engine_free(engine);
    }
    refused_flags = 0;
}

/* Waiting tasks would cost more than epoll does: nobody asked for that. */
TEST(without_deferred_task_work_the_default_is_epoll)
{
    static const char *const steps[] = {"defer_taskrun", "buffer_ring"};
    const char *wish = getenv("BIDE_BACKEND");
    char saved[16] = "";
    if (wish)
        snprintf(saved, sizeof saved, "%s", wish);
    unsetenv("BIDE_BACKEND");
    for (int i = 0; i < 2; i++) {
        bide_engine *engine;
        setenv("BIDE_URING_WITHOUT", steps[i], 1);
        if (CHECK_OK(bide_engine_new(NULL, &engine))) {
            CHECK_STR(bide_engine_backend(engine), "epoll");
            bide_engine_free(engine);
        }
        unsetenv("BIDE_URING_WITHOUT");
    }
    if (*saved)
        setenv("BIDE_BACKEND", saved, 1);
}

TEST(an_unknown_feature_to_hold_back_is_an_error)
{
    bide_engine *engine;
    bide_engine_options options = {.backend = "uring"};
    setenv("BIDE_URING_WITHOUT", "cqe_skip,speed", 1);
    CHECK_ERR(bide_engine_new(&options, &engine), -EINVAL);
    CHECK(strstr(bide_errmsg(-EINVAL), "'speed'"));
    unsetenv("BIDE_URING_WITHOUT");
}

/* A thread has 16 indices for rings; an engine that kept its own would leave
 * later ones on the slow path, or take another's. */
TEST(an_engine_gives_its_ring_index_back)
{
    for (int i = 0; i < 40; i++) {
        bide_engine *engine = open_plain();
        if (!engine)
            return;
        CHECK(state_of(engine)->ring.enter_flags &
              IORING_ENTER_REGISTERED_RING);
        bide_engine_free(engine);
    }
}

/* ── File operations ──────────────────────────────────────────────────── */

static int64_t run_op(struct probe *probe)
{
    submit(probe);
    wait_for(probe, 1);
    return probe->last;
}

static void use_file(bide_engine *engine, const char *path)
{
    struct probe probe;
    struct statx stat;
    char bytes[8] = {0};
    bide_fd file;
    probe_init(&probe, engine);
    bide_op_open(&probe.op, path, O_RDWR | O_CREAT, 0600);
    int fd = (int)run_op(&probe);
    if (!CHECK_OK(fd))
        return;
    CHECK_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_OK(bide_engine_attach(engine, &file, fd, BIDE_FD_FILE));
    probe_init(&probe, engine);
    bide_op_write(&probe.op, &file, "abcdef", 6, -1);
    CHECK_INT(run_op(&probe), 6);
    probe_init(&probe, engine);
    bide_op_read(&probe.op, &file, bytes, 8, 2);
    CHECK_INT(run_op(&probe), 4);
    CHECK_MEM(bytes, "cdef", 4);
    probe_init(&probe, engine);
    bide_op_fsync(&probe.op, &file, true);
    CHECK_OK(run_op(&probe));
    probe_init(&probe, engine);
    bide_op_statx(&probe.op, path, 0, STATX_SIZE, &stat);
    CHECK_OK(run_op(&probe));
    CHECK_INT(stat.stx_size, 6);
    bide_engine_detach(engine, &file);
    probe_init(&probe, engine);
    bide_op_close(&probe.op, fd);
    CHECK_OK(run_op(&probe));
    CHECK_INT(fcntl(fd, F_GETFD), -1);
}

TEST(files_work_in_the_ring_and_on_the_pool)
{
    char path[] = "/tmp/bide-uring-XXXXXX";
    int fd = mkstemp(path);
    CHECK_OK(fd);
    close(fd);
    for (int i = 0; i < 2; i++) {
        bide_engine *engine = open_engine(i ? "file_ops" : "",
                                          (bide_engine_options){0});
        if (engine)
            use_file(engine, path);
        bide_engine_free(engine);
    }
    unlink(path);
}

/* ── Registered descriptors ───────────────────────────────────────────── */

TEST(a_descriptor_used_often_gets_a_slot_and_the_peer_still_sees_its_end)
{
    bide_engine *engine = open_plain();
    struct pair pair;
    if (!engine)
        return;
    pair_open(engine, &pair);
    CHECK_INT(pair.ours.slot, -1);
    use_often(engine, &pair);
    CHECK(pair.ours.slot >= 0 || !has_fixed_files(engine));
    bide_engine_close(engine, &pair.ours);
    CHECK_INT(pair.ours.fd, -1);
    poll_once(engine);
    CHECK(peer_at_end(&pair));
    close(pair.peer);
    bide_engine_free(engine);
}

/* The slot, too, keeps the file open. */
TEST(a_detached_descriptor_is_closed_by_its_owner)
{
    bide_engine *engine = open_plain();
    struct pair pair;
    if (!engine)
        return;
    pair_open(engine, &pair);
    use_often(engine, &pair);
    int fd = pair.ours.fd;
    bide_engine_detach(engine, &pair.ours);
    CHECK_INT(write(fd, "x", 1), 1);
    close(fd);
    poll_once(engine);
    char byte;
    CHECK_INT(read(pair.peer, &byte, 1), 1);
    CHECK(peer_at_end(&pair));
    close(pair.peer);
    bide_engine_free(engine);
}

/* The queued release would otherwise hit the slot's next owner. */
TEST(a_slot_is_not_reused_before_its_release_was_executed)
{
    bide_engine *engine = open_plain();
    struct pair first, second, third;
    if (!engine)
        return;
    pair_open(engine, &first);
    pair_open(engine, &second);
    use_often(engine, &first);
    int32_t slot = first.ours.slot;
    pair_close(engine, &first);
    second.ours.uses = 100; /* promoted by its next operation */
    struct probe send;
    probe_init(&send, engine);
    bide_op_send(&send.op, &second.ours, "x", 1);
    submit(&send);
    CHECK(second.ours.slot != slot || !has_fixed_files(engine));
    wait_for(&send, 1);
    CHECK_INT(send.last, 1);
    pair_open(engine, &third);
    use_often(engine, &third);
    CHECK_INT(third.ours.slot, slot);
    pair_close(engine, &second);
    pair_close(engine, &third);
    bide_engine_free(engine);
}

/* Its owner may close it without a word and must see it closed. */
TEST(a_foreign_descriptor_gets_no_slot)
{
    bide_engine *engine = open_plain();
    int fds[2];
    bide_fd file;
    struct probe poll;
    if (!engine)
        return;
    CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
    CHECK_OK(bide_engine_attach(engine, &file, fds[0], BIDE_FD_FOREIGN));
    for (int i = 0; i < 16; i++) {
        probe_init(&poll, engine);
        bide_op_poll(&poll.op, &file, POLLOUT);
        submit(&poll);
        wait_for(&poll, 1);
        CHECK_INT(poll.last, POLLOUT);
    }
    CHECK_INT(file.slot, -1);
    CHECK(!(fcntl(fds[0], F_GETFL) & O_NONBLOCK));
    bide_engine_detach(engine, &file);
    close(fds[0]);
    close(fds[1]);
    bide_engine_free(engine);
}

TEST(closing_does_not_need_another_poll_when_the_engine_ends)
{
    bide_engine *engine = open_plain();
    struct pair pair;
    if (!engine)
        return;
    pair_open(engine, &pair);
    use_often(engine, &pair);
    bide_engine_close(engine, &pair.ours);
    bide_engine_free(engine);
    CHECK(peer_at_end(&pair));
    close(pair.peer);
}

/* ── Pooled buffers ───────────────────────────────────────────────────── */

/* Twenty buffers' worth arrives at once while there are eight. */
static void overrun_buffers(bide_engine *engine, size_t *ret_overruns)
{
    struct pair pair;
    struct probe probe;
    char text[64 * 20];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i / 64);
    pair_open(engine, &pair);
    CHECK_INT(write(pair.peer, text, sizeof text), sizeof text);
    close(pair.peer);
    probe_init(&probe, engine);
    *ret_overruns = 0;
    for (;;) {
        int ends = probe.ends;
        bide_op_recv_multi(&probe.op, &pair.ours);
        submit(&probe);
        wait_for(&probe, ends + 1);
        if (probe.last != -ENOBUFS)
            break;
        ++*ret_overruns;
        CHECK(probe.len >= 64 * 8 * *ret_overruns);
    }
    CHECK_INT(probe.last, 0);
    CHECK_INT(probe.len, sizeof text);
    CHECK_MEM(probe.bytes, text, sizeof text);
    bide_engine_close(engine, &pair.ours);
}

TEST(running_out_of_buffers_ends_the_operation_and_loses_no_byte)
{
    bide_engine_options options = {.buffer_count = 8, .buffer_size = 64};
    bide_engine *engine = open_engine("", options);
    size_t overruns;
    if (!engine)
        return;
    overrun_buffers(engine, &overruns);
    CHECK_INT(overruns, 2);
    bide_engine_free(engine);
}

/* At first it is offered fewer than there are. */
TEST(the_kernel_runs_out_of_buffers_only_when_all_are_in_use)
{
    bide_engine_options options = {.buffer_count = 128, .buffer_size = 64};
    bide_engine *engine = open_engine("", options);
    struct pair pair;
    struct probe received;
    char text[64 * 120] = {0};
    if (!engine)
        return;
    CHECK(state_of(engine)->buffers.offered < 120);
    pair_open(engine, &pair);
    CHECK_INT(write(pair.peer, text, sizeof text), sizeof text);
    probe_init(&received, engine);
    bide_op_recv_multi(&received.op, &pair.ours);
    submit(&received);
    wait_for_calls(&received, 120);
    CHECK_INT(received.ends, 0);
    CHECK_INT(received.len, sizeof text);
    close(pair.peer);
    wait_for(&received, 1);
    CHECK_INT(received.last, 0);
    bide_engine_close(engine, &pair.ours);
    bide_engine_free(engine);
}

TEST(without_a_buffer_ring_buffers_never_run_out)
{
    bide_engine_options options = {.buffer_count = 8, .buffer_size = 64};
    bide_engine *engine = open_engine("buffer_ring", options);
    size_t overruns;
    if (!engine)
        return;
    overrun_buffers(engine, &overruns);
    CHECK_INT(overruns, 0);
    bide_engine_free(engine);
}
