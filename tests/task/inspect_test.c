/* SPDX-License-Identifier: MIT */
/*
 * inspect_test.c — tools can look at a loop, and cannot hurt it.
 *
 * Clients are plain sockets that block, on threads of the executor, while the
 * loop runs. What they wait for is what the server does, not a time.
 */
#include <bide.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helpers/death.h"
#include "io/net.h"
#include "test.h"

/* ── A place for the socket ───────────────────────────────────────────── */

struct place {
    char directory[64];
    char socket[128]; /* once find_socket() has found it */
};

static bool place_make(struct place *place)
{
    snprintf(place->directory, sizeof place->directory,
             "/tmp/bide-inspect-XXXXXX");
    place->socket[0] = '\0';
    return CHECK(mkdtemp(place->directory) != NULL);
}

/* How many files are there; the last is taken for the socket. */
static int find_socket(struct place *place)
{
    int count = 0;
    DIR *dir = opendir(place->directory);
    if (!CHECK(dir != NULL))
        return 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(place->socket, sizeof place->socket, "%s/%.40s",
                 place->directory, entry->d_name);
        count++;
    }
    closedir(dir);
    return count;
}

static void place_remove(const struct place *place)
{
    CHECK_OK(rmdir(place->directory)); /* nothing is left in it */
}

/* ── Clients ──────────────────────────────────────────────────────────── */

static int dial(const struct place *place)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s",
             place->socket);
    if (connect(fd, (const void *)&address, sizeof address) < 0) {
        close(fd);
        return -errno;
    }
    return fd;
}

struct question {
    struct place *place;
    const char *request;
    char answer[32768];
};

/* Until the server closes; what does not fit is read all the same. */
static void read_answer(int fd, struct question *question)
{
    char more[4096];
    size_t used = 0;
    ssize_t n;
    while ((n = read(fd, more, sizeof more)) > 0) {
        size_t room = sizeof question->answer - 1 - used;
        size_t len = (size_t)n < room ? (size_t)n : room;
        memcpy(question->answer + used, more, len);
        used += len;
    }
    question->answer[used] = '\0';
}

static int ask(void *arg)
{
    struct question *question = arg;
    int fd = dial(question->place);
    if (fd < 0)
        return fd;
    size_t len = strlen(question->request);
    bool sent = send(fd, question->request, len, MSG_NOSIGNAL) > 0;
    int rc = sent ? 0 : -errno;
    read_answer(fd, question);
    close(fd);
    return rc;
}

/* Connects, says nothing, and waits until it is thrown out. */
static int keep_silent(void *arg)
{
    struct question question = {.place = arg};
    int fd = dial(arg);
    if (fd < 0)
        return fd;
    read_answer(fd, &question);
    CHECK_STR(question.answer, "");
    close(fd);
    return 0;
}

/* Sends without end, until it is thrown out. */
static int flood(void *arg)
{
    char bytes[4096];
    int fd = dial(arg);
    if (fd < 0)
        return fd;
    memset(bytes, 'x', sizeof bytes);
    while (send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) > 0)
        continue;
    close(fd);
    return 0;
}

/* Asks, does not read, and waits until the server has had enough. */
static int never_read(void *arg)
{
    int fd = dial(arg);
    if (fd < 0)
        return fd;
    CHECK_INT(write(fd, "tasks\n", 6), 6);
    while (send(fd, "x", 1, MSG_NOSIGNAL) > 0)
        usleep(1000);
    close(fd);
    return 0;
}

/* Asks and goes away at once. */
static int run_off(void *arg)
{
    int fd = dial(arg);
    if (fd < 0)
        return fd;
    CHECK_INT(write(fd, "tasks\n", 6), 6);
    close(fd);
    return 0;
}

/* ── Looking ──────────────────────────────────────────────────────────── */

static int leaf(void *arg)
{
    (void)arg;
    int rc = bide_sleep(1000);
    return rc < 0 ? rc : -EIO;
}

static int await_leaf(void *arg)
{
    const bide_task_options named = {.name = "odd\tname\\\n"};
    (void)arg;
    int rc = bide_await(bide_create_task_with(leaf, NULL, &named));
    return rc < 0 ? rc : -EIO;
}

static int look(struct place *place, const char *request,
                struct question *question)
{
    *question = (struct question){.place = place, .request = request};
    return bide_to_thread(ask, question);
}

static int end_task(bide_task *task)
{
    bide_task_cancel(task);
    int rc = bide_await(task);
    return rc == -ECANCELED ? 0 : rc;
}

static int list_tasks(void *arg)
{
    struct place *place = arg;
    struct question question;
    CHECK_OK(bide_inspect_open(place->directory));
    CHECK_OK(bide_inspect_open(place->directory)); /* changes nothing */
    CHECK_INT(find_socket(place), 1);
    bide_task *task = bide_create_task(await_leaf, NULL);
    CHECK_OK(look(place, "tasks\n", &question));
    const char *text = question.answer;
    char head[64];
    snprintf(head, sizeof head, "bide\t1\t%s\t%d\t%s\t0\n", bide_version(),
             (int)getpid(), bide_engine_backend(bide_loop_engine(
                                bide_loop_current())));
    CHECK(strstr(text, head) == text);
    CHECK(strstr(text, "\nloop\t3\t") != NULL);
    CHECK(strstr(text, "\ntask\t1\tin\t0\t") != NULL);
    CHECK(strstr(text, "\tbide_to_thread\tlist_tasks\tmain\n") ||
          strstr(text, "\tbide_run_in_executor\tlist_tasks\tmain\n"));
    CHECK(strstr(text, "\ntask\t2\tin\t0\t") != NULL);
    CHECK(strstr(text, "\tbide_await\tawait_leaf\tTask-2\n") != NULL);
    CHECK(strstr(text, "\ntask\t3\tin\t2\t") != NULL);
    CHECK(strstr(text, "\tbide_sleep\tleaf\todd\\x09name\\x5c\\x0a\n"));
    CHECK(strstr(text, "\nend\t3\n") != NULL);
    CHECK(!strstr(text, "frame"));
    CHECK_OK(look(place, "stacks\n", &question));
    void *frame; /* the portable switch cannot look into a sleeping task */
    if (bide_task_get_stack(task, &frame, 1) > 0)
        CHECK(strstr(question.answer, "\nframe\tat leaf (inspect_test.c:"));
    CHECK_OK(look(place, "loop\n", &question));
    CHECK(!strstr(question.answer, "\ntask"));
    CHECK_OK(look(place, "nonsense\n", &question));
    CHECK_STR(question.answer, "error\tunknown request\n");
    return end_task(task);
}

static void run_in_place(bide_coroutine *fn)
{
    struct place place;
    if (!place_make(&place))
        return;
    run_clean_with(fn, &place, NULL);
    place_remove(&place);
}

TEST(a_loop_tells_of_its_tasks)
{
    run_in_place(list_tasks);
}

static int count_tasks(void *arg)
{
    struct place *place = arg;
    CHECK_OK(bide_inspect_open(place->directory));
    CHECK_INT(bide_all_tasks(NULL, 0), 1);
    CHECK_OK(bide_sleep(0));
    CHECK_INT(bide_all_tasks(NULL, 0), 1);
    bide_task *task = bide_create_task(leaf, NULL);
    CHECK_STR(bide_task_name(task), "Task-2");
    return end_task(task);
}

TEST(the_program_does_not_see_the_task_that_serves_tools)
{
    run_in_place(count_tasks);
}

static int list_many(void *arg)
{
    enum { COUNT = 4000 }; /* more text than a socket holds */
    struct place *place = arg;
    struct question question;
    static bide_task *tasks[COUNT];
    CHECK_OK(bide_inspect_open(place->directory));
    CHECK_INT(find_socket(place), 1);
    for (int i = 0; i < COUNT; i++)
        tasks[i] = bide_create_task(leaf, NULL);
    CHECK_OK(look(place, "tasks\n", &question));
    CHECK_OK(bide_to_thread(never_read, place));
    CHECK_OK(bide_to_thread(run_off, place));
    CHECK_OK(look(place, "loop\n", &question));
    CHECK(strstr(question.answer, "\nloop\t4001\t") != NULL);
    for (int i = 0; i < COUNT; i++)
        bide_task_cancel(tasks[i]);
    int rc = bide_gather(tasks, COUNT);
    return rc == -ECANCELED ? 0 : rc;
}

TEST(clients_that_do_not_read_or_run_off_are_given_up)
{
    run_in_place(list_many);
}

/* The tasks of the loop go on while a client is waited for. */
static int tick(void *arg)
{
    unsigned *ticks = arg;
    int rc = 0;
    while (rc == 0) {
        rc = bide_sleep(0.001);
        ++*ticks;
    }
    return rc;
}

static int suffer(void *arg)
{
    struct place *place = arg;
    struct question question;
    unsigned ticks = 0;
    CHECK_OK(bide_inspect_open(place->directory));
    CHECK_INT(find_socket(place), 1);
    bide_task *ticker = bide_create_task(tick, &ticks);
    CHECK_OK(bide_to_thread(keep_silent, place));
    CHECK(ticks > 10);
    CHECK_OK(bide_to_thread(flood, place));
    CHECK_OK(look(place, "loop\n", &question));
    CHECK(strstr(question.answer, "\nloop\t2\t") != NULL);
    return end_task(ticker);
}

TEST(clients_that_say_nothing_or_too_much_are_thrown_out)
{
    run_in_place(suffer);
}

static int leave_at_once(void *arg)
{
    struct place *place = arg;
    CHECK_OK(bide_inspect_open(place->directory));
    CHECK_INT(find_socket(place), 1);
    int fd = dial(place); /* is being served when the loop ends */
    CHECK_OK(fd);
    int rc = bide_sleep(0.01);
    close(fd);
    return rc;
}

TEST(a_client_does_not_hold_up_the_end_of_the_loop)
{
    run_in_place(leave_at_once);
}

/* ── Who may look ─────────────────────────────────────────────────────── */

static int check_modes(void *arg)
{
    struct place *place = arg;
    struct stat status;
    char inner[80], link[80];
    snprintf(inner, sizeof inner, "%s/inner", place->directory);
    snprintf(link, sizeof link, "%s/link", place->directory);
    CHECK_ERR(bide_inspect_open("relative"), -EINVAL);
    CHECK_OK(chmod(place->directory, 0750));
    CHECK_ERR(bide_inspect_open(place->directory), -EPERM);
    CHECK_OK(chmod(place->directory, 0700));
    CHECK_OK(symlink(".", link));
    CHECK_ERR(bide_inspect_open(link), -EPERM);
    CHECK_OK(unlink(link));
    CHECK_OK(bide_inspect_open(inner));
    CHECK_OK(stat(inner, &status));
    CHECK_INT(status.st_mode & 07777, 0700);
    struct place there = {.socket = ""};
    snprintf(there.directory, sizeof there.directory, "%.60s", inner);
    CHECK_INT(find_socket(&there), 1);
    CHECK_OK(stat(there.socket, &status));
    CHECK_INT(status.st_mode & 07777, 0600);
    return 0;
}

TEST(the_socket_lies_where_nobody_else_can_go)
{
    struct place place;
    char inner[80];
    if (!place_make(&place))
        return;
    run_clean_with(check_modes, &place, NULL);
    snprintf(inner, sizeof inner, "%s/inner", place.directory);
    CHECK_OK(rmdir(inner));
    place_remove(&place);
}

/* Returns what a process of another user reads: nothing is 0. */
static int ask_as_nobody(void *arg)
{
    struct question question = {.place = arg, .request = "loop\n"};
    pid_t child = fork();
    if (child == 0) {
        bool dropped = setgid(65534) == 0 && setuid(65534) == 0;
        int rc = dropped ? ask(&question) : -EPERM;
        bool refused = rc == -EPIPE || rc == -ECONNRESET || rc == 0;
        _exit(refused ? question.answer[0] != '\0' : 2);
    }
    int status = 0;
    return child > 0 && waitpid(child, &status, 0) == child &&
                   WIFEXITED(status)
               ? WEXITSTATUS(status)
               : -ECHILD;
}

static int open_the_doors(void *arg)
{
    struct place *place = arg;
    CHECK_OK(bide_inspect_open(place->directory));
    CHECK_INT(find_socket(place), 1);
    CHECK_OK(chmod(place->directory, 0755));
    CHECK_OK(chmod(place->socket, 0666));
    CHECK_INT(bide_to_thread(ask_as_nobody, place), 0);
    CHECK_OK(chmod(place->directory, 0700));
    return 0;
}

TEST(another_user_learns_nothing_even_if_he_gets_there)
{
    if (geteuid() != 0) {
        test_skip("only root can become another user");
        return;
    }
    run_in_place(open_the_doors);
}

/* ── The environment ──────────────────────────────────────────────────── */

static int find_one(void *arg)
{
    CHECK_INT(find_socket(arg), 1);
    return 0;
}

static int find_none(void *arg)
{
    CHECK_INT(find_socket(arg), 0);
    return 0;
}

TEST(a_loop_opens_when_the_environment_says_so)
{
    struct place place;
    if (!place_make(&place))
        return;
    run_clean_with(find_none, &place, NULL);
    setenv("BIDE_INSPECT", place.directory, 1);
    run_clean_with(find_one, &place, NULL);
    setenv("BIDE_INSPECT", "0", 1);
    run_clean_with(find_none, &place, NULL);
    unsetenv("BIDE_INSPECT");
    place_remove(&place);
}

static int return_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void run_with_bad_wish(void)
{
    setenv("BIDE_INSPECT", "yes", 1);
    CHECK_OK(bide_run(return_nothing, NULL));
    abort();
}

TEST(a_wish_that_cannot_be_met_is_complained_of_and_no_more)
{
    CHECK_DIES(run_with_bad_wish, "BIDE_INSPECT is 'yes', must be 1 or the "
                                  "path of a directory");
}

TEST(a_loop_that_never_runs_leaves_no_socket)
{
    struct place place;
    bide_loop *loop;
    if (!place_make(&place))
        return;
    int before = count_fds();
    setenv("BIDE_INSPECT", place.directory, 1);
    CHECK_OK(bide_loop_new(NULL, &loop));
    unsetenv("BIDE_INSPECT");
    CHECK_INT(find_socket(&place), 1);
    bide_loop_close(loop);
    CHECK_INT(count_fds(), before);
    place_remove(&place);
}
