/* SPDX-License-Identifier: MIT */
/*
 * dns_test.c — names are looked up on threads, and nobody waits for one that
 * is stuck.
 *
 * No name leaves this process: getaddrinfo(3) is replaced by one that knows a
 * few names of the domain "test" and can be made to get stuck. What is
 * numeric it hands to the real one.
 */
#include <bide.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net.h"
#include "test.h"

/* ── The names of this test ───────────────────────────────────────────── */

typedef int lookup_fn(const char *, const char *, const struct addrinfo *,
                      struct addrinfo **);

static atomic_int threaded; /* look-ups that came from other threads */
static atomic_int begun;    /* look-ups of "stuck.test" that have begun */
static atomic_int given;    /* results so far */
static atomic_int results;  /* of those, not freed */
static pthread_t loop_thread;
static sem_t unstick; /* one post for each stuck look-up */

static __attribute__((constructor)) void set_up(void)
{
    sem_init(&unstick, 0, 0);
}

static const struct failure {
    const char *host;
    int status;
    int error;
    int code;
    const char *message;
} failures[] = {
    {"none.test", EAI_NONAME, 0, BIDE_E_DNS_NOT_FOUND,
     "looking up 'none.test': Name or service not known"},
    {"nodata.test", EAI_NODATA, 0, BIDE_E_DNS_NOT_FOUND,
     "looking up 'nodata.test': No address associated with hostname"},
    {"again.test", EAI_AGAIN, 0, BIDE_E_DNS_TEMPORARY,
     "looking up 'again.test': Temporary failure in name resolution"},
    {"fail.test", EAI_FAIL, 0, BIDE_E_DNS_FAILED,
     "looking up 'fail.test': Non-recoverable failure in name resolution"},
    {"memory.test", EAI_MEMORY, 0, -ENOMEM,
     "looking up 'memory.test': Memory allocation failure"},
    {"system.test", EAI_SYSTEM, EMFILE, -EMFILE,
     "looking up 'system.test': Too many open files"},
};

static int look_up_numeric(const char *host, const char *service,
                           const struct addrinfo *hints,
                           struct addrinfo **ret_result)
{
    union {
        void *symbol;
        lookup_fn *call;
    } real = {dlsym(RTLD_NEXT, "getaddrinfo")};
    int status = real.call(host, service, hints, ret_result);
    if (status == 0) {
        atomic_fetch_add(&results, 1);
        atomic_fetch_add(&given, 1);
    }
    return status;
}

int getaddrinfo(const char *host, const char *service,
                const struct addrinfo *hints, struct addrinfo **ret_result)
{
    if (!pthread_equal(pthread_self(), loop_thread))
        atomic_fetch_add(&threaded, 1);
    bool is_name = host && strstr(host, ".test");
    if (!is_name || (hints->ai_flags & AI_NUMERICHOST))
        return look_up_numeric(host, service, hints, ret_result);
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        if (strcmp(host, failures[i].host) == 0) {
            errno = failures[i].error;
            return failures[i].status;
        }
    }
    if (strcmp(host, "stuck.test") == 0) {
        atomic_fetch_add(&begun, 1);
        sem_wait(&unstick);
    }
    return look_up_numeric("127.0.0.1", service, hints, ret_result);
}

void freeaddrinfo(struct addrinfo *list)
{
    union {
        void *symbol;
        void (*call)(struct addrinfo *);
    } real = {dlsym(RTLD_NEXT, "freeaddrinfo")};
    atomic_fetch_sub(&results, 1);
    real.call(list);
}

/* Run a coroutine; all that it looked up must be freed. */
static void run_lookups(bide_coroutine *coroutine)
{
    loop_thread = pthread_self();
    atomic_store(&threaded, 0);
    atomic_store(&begun, 0);
    atomic_store(&given, 0);
    run_clean(coroutine);
}

/* Wait until threads that were left behind have freed what they got. */
static void await_late_results(int count)
{
    for (int i = 0; i < 10000; i++) {
        if (atomic_load(&given) == count && atomic_load(&results) == 0)
            break;
        usleep(1000);
    }
    CHECK_INT(atomic_load(&given), count);
    CHECK_INT(atomic_load(&results), 0);
}

/* ── Results ──────────────────────────────────────────────────────────── */

static const struct addrinfo stream_hints = {.ai_socktype = SOCK_STREAM};

static int amain_numeric(void *arg)
{
    (void)arg;
    struct addrinfo *list;
    CHECK_OK(bide_getaddrinfo("127.0.0.2", "80", &stream_hints, &list));
    const struct sockaddr_in *address =
        (const struct sockaddr_in *)(const void *)list->ai_addr;
    CHECK_INT(ntohs(address->sin_port), 80);
    CHECK_INT(ntohl(address->sin_addr.s_addr), 0x7f000002);
    CHECK(!list->ai_next);
    freeaddrinfo(list);
    CHECK_OK(bide_getaddrinfo("::1", NULL, NULL, &list));
    CHECK_INT(list->ai_family, AF_INET6);
    freeaddrinfo(list);
    CHECK_OK(bide_getaddrinfo(NULL, "7", &stream_hints, &list));
    freeaddrinfo(list);
    CHECK_INT(atomic_load(&threaded), 0);
    return 0;
}

TEST(what_is_numeric_needs_no_thread)
{
    run_lookups(amain_numeric);
    CHECK_INT(atomic_load(&results), 0);
}

static int count_turns(void *arg)
{
    int *turns = arg;
    for (;;) {
        int rc = bide_sleep(0);
        if (rc < 0)
            return rc;
        if (++*turns == 3)
            sem_post(&unstick);
    }
}

static int amain_name(void *arg)
{
    (void)arg;
    int turns = 0;
    struct addrinfo *list;
    bide_task *counter = bide_create_task(count_turns, &turns);
    CHECK_OK(bide_getaddrinfo("stuck.test", "80", &stream_hints, &list));
    CHECK(turns >= 3);
    CHECK_INT(atomic_load(&threaded), 1);
    CHECK_INT(list->ai_family, AF_INET);
    freeaddrinfo(list);
    bide_task_cancel(counter);
    CHECK_ERR(bide_await(counter), -ECANCELED);
    return 0;
}

TEST(a_name_is_looked_up_on_a_thread_while_other_tasks_run)
{
    run_lookups(amain_name);
    CHECK_INT(atomic_load(&results), 0);
}

static int amain_failures(void *arg)
{
    (void)arg;
    struct addrinfo *list = NULL;
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        const struct failure *failure = &failures[i];
        CHECK_ERR(bide_getaddrinfo(failure->host, "80", NULL, &list),
                  failure->code);
        CHECK_STR(bide_errmsg(failure->code), failure->message);
        CHECK(!list);
    }
    return 0;
}

TEST(failures_are_told_apart_and_name_the_host)
{
    run_lookups(amain_failures);
}

static int amain_arguments(void *arg)
{
    (void)arg;
    struct addrinfo *list = NULL;
    char host[2000];
    memset(host, 'h', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    CHECK_ERR(bide_getaddrinfo(host, NULL, NULL, &list),
              BIDE_E_DNS_NOT_FOUND);
    CHECK_STR(bide_errmsg(BIDE_E_DNS_NOT_FOUND),
              "the host is 1999 bytes, at most 1024");
    CHECK_ERR(bide_getaddrinfo("127.0.0.1", "65536", NULL, &list),
              BIDE_E_DNS_SERVICE);
    CHECK_STR(bide_errmsg(BIDE_E_DNS_SERVICE),
              "the port is 65536, at most 65535");
    CHECK_ERR(bide_getaddrinfo("127.0.0.1", host, NULL, &list),
              BIDE_E_DNS_SERVICE);
    CHECK_ERR(bide_getaddrinfo(NULL, NULL, NULL, &list),
              BIDE_E_DNS_NOT_FOUND);
    struct addrinfo only_numeric = {.ai_flags = AI_NUMERICHOST};
    CHECK_ERR(bide_getaddrinfo("loop.test", NULL, &only_numeric, &list),
              BIDE_E_DNS_NOT_FOUND);
    struct addrinfo only_inet6 = {.ai_family = AF_INET6};
    CHECK_ERR(bide_getaddrinfo("127.0.0.1", "1", &only_inet6, &list),
              BIDE_E_DNS_NOT_FOUND);
    CHECK_INT(atomic_load(&threaded), 0);
    CHECK_ERR(bide_getaddrinfo("127.0.0.1", "no-such-service", &stream_hints,
                               &list),
              BIDE_E_DNS_SERVICE);
    CHECK_STR(bide_errmsg(BIDE_E_DNS_SERVICE),
              "looking up service 'no-such-service': Servname not supported "
              "for ai_socktype");
    CHECK_INT(atomic_load(&threaded), 1);
    return 0;
}

TEST(bad_arguments_are_refused_with_the_limit)
{
    run_lookups(amain_arguments);
}

/* ── Cancellation ─────────────────────────────────────────────────────── */

static int look_up_stuck(void *arg)
{
    (void)arg;
    struct addrinfo *list;
    int rc = bide_getaddrinfo("stuck.test", "80", &stream_hints, &list);
    if (rc == 0)
        freeaddrinfo(list);
    return rc;
}

/* More than there are threads: some look-ups wait for one. */
enum { LOOKUPS = 12, THREADS = 8 };

static int amain_stuck(void *arg)
{
    (void)arg;
    bide_task *tasks[LOOKUPS];
    for (int i = 0; i < LOOKUPS; i++)
        tasks[i] = bide_create_task(look_up_stuck, NULL);
    while (atomic_load(&begun) < THREADS)
        CHECK_OK(bide_sleep(0));
    for (int i = 0; i < LOOKUPS; i++)
        bide_task_cancel(tasks[i]);
    for (int i = 0; i < LOOKUPS; i++)
        CHECK_ERR(bide_await(tasks[i]), -ECANCELED);
    return 0;
}

TEST(a_cancelled_lookup_is_left_to_its_thread_which_frees_the_result)
{
    run_lookups(amain_stuck);
    CHECK_INT(atomic_load(&begun), THREADS);
    CHECK_INT(atomic_load(&given), 0);
    for (int i = 0; i < THREADS; i++)
        sem_post(&unstick);
    await_late_results(THREADS);
}

static int amain_left(void *arg)
{
    (void)arg;
    bide_task_detach(bide_create_task(look_up_stuck, NULL));
    while (atomic_load(&begun) < 1)
        CHECK_OK(bide_sleep(0));
    return 0;
}

TEST(the_end_of_a_loop_does_not_wait_for_a_stuck_lookup)
{
    run_lookups(amain_left);
    CHECK_INT(atomic_load(&given), 0);
    sem_post(&unstick);
    await_late_results(1);
}

static int amain_answered(void *arg)
{
    (void)arg;
    bide_task *task = bide_create_task(look_up_stuck, NULL);
    while (atomic_load(&begun) < 1)
        CHECK_OK(bide_sleep(0));
    sem_post(&unstick);
    while (atomic_load(&given) < 1)
        usleep(1000); /* not a turn of the loop: the answer stays untaken */
    bide_task_cancel(task);
    CHECK_ERR(bide_await(task), -ECANCELED);
    return 0;
}

TEST(an_answer_that_was_not_taken_yet_is_freed_by_the_cancellation)
{
    run_lookups(amain_answered);
    await_late_results(1);
}

static int cancelled_before(void *arg)
{
    (void)arg;
    struct addrinfo *list;
    bide_task_cancel(bide_current_task());
    CHECK_ERR(bide_getaddrinfo("127.0.0.1", "1", NULL, &list), -ECANCELED);
    bide_task_uncancel(bide_current_task());
    return 0;
}

TEST(a_request_that_came_before_is_delivered_even_if_nothing_waits)
{
    run_lookups(cancelled_before);
}

/* ── Connections by name ──────────────────────────────────────────────── */

static int amain_connect(void *arg)
{
    (void)arg;
    bide_server *server;
    bide_stream *stream;
    CHECK_OK(bide_start_server("loop.test", 0, echo, NULL, NULL, &server));
    int port = bide_server_port(server);
    int rc = bide_open_connection("loop.test", port, NULL, &stream);
    if (CHECK_OK(rc)) {
        CHECK_OK(check_echo(stream, "by name\n"));
        bide_stream_close(stream);
    }
    CHECK_OK(bide_server_close(server));
    CHECK_ERR(bide_open_connection("loop.test", CLOSED_PORT, NULL, &stream),
              -ECONNREFUSED);
    CHECK_STR(bide_errmsg(-ECONNREFUSED),
              "connecting to loop.test at 127.0.0.1:1: Connection refused");
    CHECK_ERR(bide_open_connection("none.test", 1, NULL, &stream),
              BIDE_E_DNS_NOT_FOUND);
    CHECK_ERR(bide_start_server("none.test", 0, echo, NULL, NULL, &server),
              BIDE_E_DNS_NOT_FOUND);
    return 0;
}

TEST(servers_and_connections_can_be_named)
{
    run_lookups(amain_connect);
    CHECK_INT(atomic_load(&results), 0);
}
