/* SPDX-License-Identifier: MIT */
/* fork_test.c — an engine in a child of fork(2), beside that of the parent. */
#include <poll.h>
#include <sys/wait.h>

#include "engine/contract.h"

struct letter {
    bide_post post;
    bool read;
};

static void read_letter(bide_post *post)
{
    struct letter *letter = BIDE__CONTAINER(post, struct letter, post);
    letter->read = true;
}

static int answer(void *arg)
{
    (void)arg;
    return 42;
}

/* What the child does with the engine it inherited. Returns the number of
 * the step that failed, 0 for none. */
static int child_of(struct wire *wire, struct wire *other)
{
    struct call recv = {0};
    struct call work = {0};
    struct letter letter = {.post.run = read_letter};
    char byte;
    int own[2];
    bide_fd file;
    if (bide_engine_after_fork(wire->engine) < 0)
        return 1;
    pair_tcp(own);
    if (bide_engine_attach(wire->engine, &file, own[0], BIDE_FD_STREAM) < 0)
        return 2;
    bide_op_recv(&recv.op, &file, &byte, 1);
    start(wire->engine, &recv);
    if (recv.over || write(own[1], "x", 1) != 1 ||
        await(wire->engine, &recv) != 1)
        return 3;
    bide_op_work(&work.op, bide_engine_pool(wire->engine, BIDE_POOL_USER),
                 answer, NULL);
    if (perform(wire->engine, &work) != 42)
        return 4;
    bide_engine_post(wire->engine, &letter.post);
    if (bide_engine_poll(wire->engine, BIDE_FOREVER) != 1 || !letter.read)
        return 5;
    bide_op_send(&recv.op, &wire->file, "c", 1); /* is still attached */
    if (perform(wire->engine, &recv) != 1)
        return 6;
    bide_op_recv(&recv.op, &other->file, &byte, 1);
    start(wire->engine, &recv);
    if (recv.over || write(other->peer, "o", 1) != 1 ||
        await(wire->engine, &recv) != 1)
        return 7;
    bide_engine_close(wire->engine, &file);
    bide_engine_close(wire->engine, &wire->file);
    bide_engine_close(wire->engine, &other->file);
    settle(wire->engine);
    bide_engine_free(wire->engine);
    return 0;
}

TEST(a_forked_child_can_use_the_engine_and_the_parent_goes_on)
{
    struct wire wire;
    struct wire other;
    struct call recv = {0};
    struct call work = {0};
    struct call poll_op = {0};
    char byte;
    int status;
    int fds[2];
    wire_open_tcp(&wire);
    pair_tcp(fds);
    other = (struct wire){.engine = wire.engine, .peer = fds[1]};
    CHECK_OK(bide_engine_attach(wire.engine, &other.file, fds[0],
                                BIDE_FD_STREAM));
    bide_op_work(&work.op, bide_engine_pool(wire.engine, BIDE_POOL_USER),
                 answer, NULL);
    CHECK_INT(perform(wire.engine, &work), 42);
    bide_op_recv(&recv.op, &wire.file, &byte, 1);
    start(wire.engine, &recv); /* the parent's: the child forgets them */
    bide_op_poll(&poll_op.op, &other.file, POLLIN);
    start(wire.engine, &poll_op);
    settle(wire.engine);
    pid_t child = fork();
    if (child == 0) {
        int step = child_of(&wire, &other);
        _exit(step || recv.deliveries || poll_op.deliveries ? step + 100 : 0);
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK_INT(status, 0);
    CHECK_INT(read(wire.peer, &byte, 1), 1);
    CHECK_INT(byte, 'c');
    settle(wire.engine);
    CHECK(!recv.over);
    CHECK_INT(write(wire.peer, "p", 1), 1);
    CHECK_INT(await(wire.engine, &recv), 1);
    CHECK_INT(byte, 'p');
    bide_op_work(&work.op, bide_engine_pool(wire.engine, BIDE_POOL_USER),
                 answer, NULL);
    CHECK_INT(perform(wire.engine, &work), 42);
    CHECK_INT(write(other.peer, "p", 1), 1); /* the child took its own */
    CHECK_INT(await(wire.engine, &poll_op), POLLIN);
    bide_engine_close(wire.engine, &other.file);
    close(other.peer);
    wire_close(&wire);
}
