/* SPDX-License-Identifier: MIT */
/* turns_test.c — the ready queue, posts, waking, blocking, hosts. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "engine/contract.h"
#include "engine/engine.h"

/* ── Ready items ──────────────────────────────────────────────────────── */

struct item {
    bide_ready ready;
    bide_engine *engine;
    int *count;
    int place;
    bool again;
};

static void run_item(bide_ready *ready)
{
    struct item *item = BIDE__CONTAINER(ready, struct item, ready);
    item->place = ++*item->count;
    if (item->again)
        bide_engine_ready(item->engine, ready);
}

TEST(ready_items_run_in_the_order_they_came)
{
    bide_engine *engine = engine_open();
    struct item items[10];
    int count = 0;
    for (int i = 0; i < 10; i++) {
        items[i] = (struct item){
            .ready.run = run_item, .engine = engine, .count = &count};
        bide_engine_ready(engine, &items[i].ready);
    }
    CHECK_INT(bide_engine_timeout(engine), 0);
    CHECK_INT(bide_engine_poll(engine, BIDE_FOREVER), 0); /* does not wait */
    CHECK_INT(bide_engine_run(engine), 10);
    for (int i = 0; i < 10 && !engine->random; i++) /* no BIDE_SEED */
        CHECK_INT(items[i].place, i + 1);
    CHECK_INT(bide_engine_run(engine), 0);
    bide_engine_free(engine);
}

TEST(items_made_ready_meanwhile_wait_for_the_next_run)
{
    bide_engine *engine = engine_open();
    int count = 0;
    struct item item = {.ready.run = run_item,
                        .engine = engine,
                        .count = &count,
                        .again = true};
    bide_engine_ready(engine, &item.ready);
    CHECK_INT(bide_engine_run(engine), 1);
    CHECK_INT(bide_engine_run(engine), 1);
    item.again = false;
    CHECK_INT(bide_engine_run(engine), 1);
    CHECK_INT(bide_engine_run(engine), 0);
    bide_engine_free(engine);
}

/* ── Posts ────────────────────────────────────────────────────────────── */

struct letter {
    bide_post post;
    int sender;
    int number;
    int *last; /* per sender: the number that came last */
    int *count;
};

static void read_letter(bide_post *post)
{
    struct letter *letter = BIDE__CONTAINER(post, struct letter, post);
    CHECK_INT(letter->number, letter->last[letter->sender] + 1);
    letter->last[letter->sender] = letter->number;
    ++*letter->count;
}

enum { SENDERS = 3, LETTERS = 2000 };

struct sender {
    bide_engine *engine;
    struct letter *letters;
};

static void *send_letters(void *arg)
{
    struct sender *sender = arg;
    for (int i = 0; i < LETTERS; i++)
        bide_engine_post(sender->engine, &sender->letters[i].post);
    return NULL;
}

TEST(posts_of_many_threads_arrive_each_once_and_in_order)
{
    bide_engine *engine = engine_open();
    struct letter *letters = calloc(SENDERS * LETTERS, sizeof *letters);
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];
    int last[SENDERS] = {0};
    int count = 0;
    for (int i = 0; i < SENDERS * LETTERS; i++)
        letters[i] = (struct letter){.post.run = read_letter,
                                     .sender = i / LETTERS,
                                     .number = i % LETTERS + 1,
                                     .last = last,
                                     .count = &count};
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){engine, &letters[i * LETTERS]};
        pthread_create(&threads[i], NULL, send_letters, &senders[i]);
    }
    while (count < SENDERS * LETTERS)
        CHECK_OK(bide_engine_poll(engine, BIDE_FOREVER));
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(bide_engine_timeout(engine), BIDE_FOREVER);
    bide_engine_free(engine);
    free(letters);
}

/* A backend that counts how often it is woken. */
static atomic_int wakes;
static const struct bide__backend *woken;

static void count_wake(bide_engine *engine)
{
    atomic_fetch_add(&wakes, 1);
    woken->wake(engine);
}

TEST(posts_between_two_polls_cost_one_wake_up)
{
    bide_engine *engine = engine_open();
    struct bide__backend counting = *engine->backend;
    struct letter letters[10];
    int last = 0;
    int count = 0;
    woken = engine->backend;
    counting.wake = count_wake;
    engine->backend = &counting;
    for (int round = 1; round <= 3; round++) {
        atomic_store(&wakes, 0);
        for (int i = 0; i < 10; i++) {
            letters[i] = (struct letter){.post.run = read_letter,
                                         .number = last + i + 1,
                                         .last = &last,
                                         .count = &count};
            bide_engine_post(engine, &letters[i].post);
        }
        CHECK_INT(atomic_load(&wakes), 1);
        CHECK_INT(bide_engine_poll(engine, BIDE_FOREVER), 10);
        CHECK_INT(count, round * 10);
        CHECK_INT(bide_engine_poll(engine, 0), 0);
    }
    engine->backend = woken;
    bide_engine_free(engine);
}

/* ── Signals ──────────────────────────────────────────────────────────── */

static bide_engine *signalled;
static struct letter telegram;
static atomic_int signals;

static void post_from_handler(int number)
{
    (void)number;
    int before = errno;
    errno = EDOM; /* must survive */
    if (atomic_fetch_add(&signals, 1) == 0)
        bide_engine_post(signalled, &telegram.post);
    if (errno != EDOM)
        abort();
    errno = before;
}

static void count_signal(int number)
{
    (void)number;
    atomic_fetch_add(&signals, 1);
}

/* Have SIGALRM come again and again, so that none can come too early. */
static timer_t alarm_begin(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    struct itimerspec interval = {.it_value.tv_nsec = 2000000,
                                  .it_interval.tv_nsec = 2000000};
    timer_t timer = NULL;
    atomic_store(&signals, 0);
    sigaction(SIGALRM, &action, NULL);
    CHECK_OK(timer_create(CLOCK_MONOTONIC, NULL, &timer));
    CHECK_OK(timer_settime(timer, 0, &interval, NULL));
    return timer;
}

static void alarm_end(timer_t timer)
{
    timer_delete(timer);
    signal(SIGALRM, SIG_IGN);
}

TEST(a_signal_handler_can_post)
{
    bide_engine *engine = engine_open();
    int last = 0;
    int count = 0;
    telegram = (struct letter){.post.run = read_letter,
                               .number = 1,
                               .last = &last,
                               .count = &count};
    signalled = engine;
    timer_t timer = alarm_begin(post_from_handler);
    while (count == 0)
        CHECK_OK(bide_engine_poll(engine, BIDE_FOREVER));
    alarm_end(timer);
    CHECK_INT(count, 1);
    bide_engine_free(engine);
}

TEST(a_signal_ends_a_wait_without_an_error)
{
    bide_engine *engine = engine_open();
    timer_t timer = alarm_begin(count_signal);
    CHECK_INT(bide_engine_poll(engine, BIDE_FOREVER), 0);
    CHECK(atomic_load(&signals) > 0);
    alarm_end(timer);
    bide_engine_free(engine);
}

/* ── Blocking ─────────────────────────────────────────────────────────── */

struct blocks {
    int before;
    int after;
};

static void before_block(void *data)
{
    struct blocks *blocks = data;
    CHECK_INT(blocks->before, blocks->after);
    blocks->before++;
}

static void after_block(void *data)
{
    struct blocks *blocks = data;
    blocks->after++;
    CHECK_INT(blocks->before, blocks->after);
}

static int pause_a_little(void *arg)
{
    (void)arg;
    usleep(20000);
    return 0;
}

TEST(hooks_surround_waits_that_block_and_no_others)
{
    struct wire wire;
    struct call recv = {0};
    struct call work = {0};
    struct blocks blocks = {0};
    char byte;
    wire_open_tcp(&wire);
    bide_op_recv(&recv.op, &wire.file, &byte, 1);
    start(wire.engine, &recv);
    settle(wire.engine);
    bide_engine_on_block(wire.engine, before_block, after_block, &blocks);
    CHECK_INT(write(wire.peer, "x", 1), 1);
    settle(wire.engine);
    CHECK(recv.over);
    CHECK_INT(blocks.before, 0);
    bide_op_recv(&recv.op, &wire.file, &byte, 1);
    start(wire.engine, &recv);
    settle(wire.engine);
    CHECK_INT(write(wire.peer, "y", 1), 1); /* nothing to wait for */
    CHECK_INT(await(wire.engine, &recv), 1);
    if (strcmp(bide_engine_backend(wire.engine), "uring") != 0)
        CHECK_INT(blocks.before, 0); /* the ring tells only when entered */
    bide_op_work(&work.op, bide_engine_pool(wire.engine, BIDE_POOL_USER),
                 pause_a_little, NULL);
    CHECK_INT(perform(wire.engine, &work), 0);
    CHECK(blocks.before > 0);
    CHECK_INT(blocks.before, blocks.after);
    bide_engine_on_block(wire.engine, NULL, NULL, NULL);
    wire_close(&wire);
}

/* Were it otherwise, a program would turn in circles while it waits. */
TEST(operations_in_flight_do_not_keep_a_poll_from_waiting)
{
    bide_engine *engine = engine_open();
    struct sockaddr_in address;
    struct call calls[5] = {0};
    bide_fd files[3];
    char byte;
    int fds[4];
    pair_tcp(fds);
    pair_tcp(fds + 2);
    const int attached[3] = {fds[0], fds[2], listen_tcp(8, &address)};
    for (int i = 0; i < 3; i++)
        CHECK_OK(bide_engine_attach(engine, &files[i], attached[i],
                                    BIDE_FD_STREAM));
    bide_op_recv(&calls[0].op, &files[0], &byte, 1);
    bide_op_poll(&calls[1].op, &files[0], POLLIN);
    bide_op_poll_multi(&calls[2].op, &files[0], POLLIN);
    bide_op_recv_multi(&calls[3].op, &files[1]);
    bide_op_accept_multi(&calls[4].op, &files[2]);
    for (int i = 0; i < 5; i++)
        start(engine, &calls[i]);
    settle(engine);
    int64_t begin = bide_engine_clock(engine);
    CHECK_INT(bide_engine_poll(engine, 3000000), 0);
    CHECK(bide_engine_clock(engine) - begin >= 3000000);
    for (int i = 0; i < 5; i++)
        check_cancels(engine, &calls[i]);
    for (int i = 0; i < 3; i++)
        bide_engine_close(engine, &files[i]);
    bide_engine_free(engine);
    close(fds[1]);
    close(fds[3]);
}

/* ── Hosts ────────────────────────────────────────────────────────────── */

static bool readable(int fd, int timeout_ms)
{
    struct pollfd item = {.fd = fd, .events = POLLIN};
    return poll(&item, 1, timeout_ms) == 1;
}

TEST(the_engines_descriptor_is_readable_when_there_is_work)
{
    struct wire wire;
    struct call recv = {0};
    struct letter letter;
    char byte;
    int last = 0;
    int count = 0;
    wire_open_tcp(&wire);
    int fd = bide_engine_fileno(wire.engine);
    bide_op_recv(&recv.op, &wire.file, &byte, 1);
    start(wire.engine, &recv);
    settle(wire.engine);
    CHECK(!readable(fd, 0));
    CHECK_INT(write(wire.peer, "x", 1), 1);
    CHECK(readable(fd, 5000));
    CHECK_OK(bide_engine_poll(wire.engine, 0));
    CHECK(recv.over);
    settle(wire.engine);
    CHECK(!readable(fd, 0));
    letter = (struct letter){.post.run = read_letter,
                             .number = 1,
                             .last = &last,
                             .count = &count};
    bide_engine_post(wire.engine, &letter.post);
    CHECK(readable(fd, 5000));
    CHECK_INT(bide_engine_poll(wire.engine, 0), 1);
    settle(wire.engine);
    CHECK(!readable(fd, 0));
    wire_close(&wire);
}

static void close_accepted(bide_op *op)
{
    if (op->result >= 0)
        close((int)op->result);
    call_done(op);
}

/* A host polls once for each time the descriptor is readable; a multishot
 * operation that could not be served at once must not get stuck. */
TEST(the_engines_descriptor_stays_readable_while_work_is_left)
{
    enum { CLIENTS = 80 };
    bide_engine *engine = engine_open();
    struct sockaddr_in address;
    struct call accept_op = {0};
    bide_fd listener;
    int clients[CLIENTS];
    int fd = bide_engine_fileno(engine);
    CHECK_OK(bide_engine_attach(engine, &listener,
                                listen_tcp(CLIENTS, &address),
                                BIDE_FD_STREAM));
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_OK(connect(clients[i], (struct sockaddr *)&address,
                         sizeof address));
    }
    bide_op_accept_multi(&accept_op.op, &listener);
    start_with(engine, &accept_op, close_accepted);
    CHECK_OK(bide_engine_poll(engine, 0));
    while (accept_op.deliveries < CLIENTS && CHECK(readable(fd, 5000)))
        CHECK_OK(bide_engine_poll(engine, 0));
    CHECK_INT(accept_op.deliveries, CLIENTS);
    check_cancels(engine, &accept_op);
    bide_engine_close(engine, &listener);
    bide_engine_free(engine);
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
}
