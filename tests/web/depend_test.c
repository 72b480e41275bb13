/* SPDX-License-Identifier: MIT */
/*
 * depend_test.c — dependencies, and the order of what a request does:
 *
 *     provide, handler, finish before the reply, reply, finish after it,
 *     background tasks.
 */
#include <stdarg.h>

#include "web.h"

/* ── A journal ────────────────────────────────────────────────────────── */

static char journal[1024];

static void note(const char *format, ...) BIDE_PRINTF(1, 2);

static void note(const char *format, ...)
{
    va_list args;
    size_t used = strlen(journal);
    va_start(args, format);
    vsnprintf(journal + used, sizeof journal - used, format, args);
    va_end(args);
}

static void check_journal(const char *expected)
{
    CHECK_STR(journal, expected);
    journal[0] = '\0';
}

/* What comes after the reply comes when it comes. */
static void await_note(const char *word)
{
    while (!strstr(journal, word))
        CHECK_OK(bide_sleep(0.001));
}

/* ── A pool, a transaction on it, and a user ──────────────────────────── */

struct pool {
    int opened;
};

struct transaction {
    struct pool *pool;
    int commit; /* what committing comes to */
};

typedef struct pool Pool;
typedef struct transaction Transaction;

static Pool pool;

static int open_pool(bide_web_request *request, const bide_web_none *in,
                     Pool **ret_pool)
{
    (void)request;
    (void)in;
    pool.opened++;
    note("pool ");
    *ret_pool = &pool;
    return 0;
}

static int close_pool(bide_web_request *request, void *value, int rc)
{
    (void)request;
    (void)value;
    note("pool-end(%s) ", rc < 0 ? bide_errname(rc) : "ok");
    return 0;
}

BIDE_DEPENDENCY(the_pool, open_pool, bide_web_none, Pool,
                .finish = close_pool);

BIDE_MODEL(TransactionInput,
    BIDE_DEP(Pool, pool, the_pool),
    BIDE_QUERY(i64, commit, .def = "0"));

static int begin(bide_web_request *request, const TransactionInput *in,
                 Transaction **ret_transaction)
{
    Transaction *transaction =
        bide_web_request_allocate(request, sizeof *transaction);
    if (!transaction)
        return -ENOMEM;
    *transaction = (Transaction){in->pool, (int)in->commit};
    note("begin ");
    *ret_transaction = transaction;
    return 0;
}

static int commit(bide_web_request *request, void *value, int rc)
{
    const Transaction *transaction = value;
    (void)request;
    note("%s ", rc < 0 ? "rollback" : "commit");
    return transaction->commit;
}

BIDE_DEPENDENCY(a_transaction, begin, TransactionInput, Transaction,
                .finish = commit, .before_reply = true);

BIDE_MODEL(Work,
    BIDE_QUERY(str, how, .def = "well"),
    BIDE_DEP(Pool, pool, the_pool),
    BIDE_DEP(Transaction, transaction, a_transaction));

static int after_reply(void *arg)
{
    note("task-%s ", (const char *)arg);
    int rc = bide_sleep(0.01);
    note("done-%s ", (const char *)arg);
    return rc;
}

static int on_reply(bide_web_request *request, void *arg)
{
    (void)arg;
    note("reply(%d) ", bide_web_reply_status(request));
    return 0;
}

static void on_end(bide_web_request *request, void *arg)
{
    (void)request;
    (void)arg;
    note("end ");
}

static int work(bide_web_request *request, const Work *in, bide_web_none *out)
{
    static char first[] = "1", second[] = "2";
    (void)out;
    CHECK(in->transaction->pool == in->pool);
    note("handler ");
    int rc = bide_web_background(request, after_reply, first);
    if (rc == 0)
        rc = bide_web_background(request, after_reply, second);
    if (rc == 0)
        rc = bide_web_on_reply(request, on_reply, NULL);
    if (rc == 0)
        rc = bide_web_on_end(request, on_end, NULL);
    if (strcmp(in->how, "refused") == 0)
        return bide_web_error(request, 409, "refused");
    if (strcmp(in->how, "badly") == 0)
        return bide_raise(-EIO, "it broke");
    return rc;
}

static bide_web_client *open_work(bide_web_app **ret_app)
{
    bide_web_app *app = bide_web_app_new(NULL);
    BIDE_WEB_GET(app, "/work", work, Work, bide_web_none, .status = 204);
    journal[0] = '\0';
    pool.opened = 0;
    *ret_app = app;
    return open_client(app);
}

/* ── Order ────────────────────────────────────────────────────────────── */

static int amain_order(void *arg)
{
    bide_web_app *app;
    bide_web_client *client = open_work(&app);
    bide_web_response response;
    (void)arg;
    CHECK_INT(get(client, "/work", &response), 204);
    CHECK_INT(pool.opened, 1);
    await_note("done-2 ");
    check_journal("pool begin handler commit reply(204) pool-end(ok) end "
                  "task-1 done-1 task-2 done-2 ");
    close_client(client, app);
    return 0;
}

TEST(clean_up_reply_and_tasks_come_in_the_order_that_is_written_down)
{
    run_clean(amain_order);
}

static int amain_refused(void *arg)
{
    bide_web_app *app;
    bide_web_client *client = open_work(&app);
    bide_web_response response;
    (void)arg;
    CHECK_INT(get(client, "/work?how=refused", &response), 409);
    CHECK_STR(response.body, "{\"detail\":\"refused\"}");
    await_note(") end ");
    check_journal("pool begin handler rollback reply(409) "
                  "pool-end(BIDE_E_WEB_ERROR) end ");
    close_client(client, app);
    return 0;
}

TEST(a_handler_that_fails_is_rolled_back_and_has_no_tasks)
{
    run_clean(amain_refused);
}

static int amain_broken(void *arg)
{
    bide_web_app *app;
    bide_web_client *client = open_work(&app);
    bide_web_response response;
    (void)arg;
    watch_reports();
    CHECK_INT(get(client, "/work?how=badly", &response), 500);
    CHECK_STR(response.body, "{\"detail\":\"Internal Server Error\"}");
    await_note(") end ");
    check_journal("pool begin handler rollback reply(500) pool-end(EIO) "
                  "end ");
    CHECK_INT(reports.count, 1);
    CHECK_INT(reports.code, -EIO);
    CHECK(strstr(reports.text, "GET /work: it broke"));
    CHECK_INT(get(client, "/work?commit=-5", &response), 500);
    await_note(") end ");
    check_journal("pool begin handler commit reply(500) pool-end(EIO) end ");
    close_client(client, app);
    return 0;
}

TEST(a_commit_that_fails_fails_the_request)
{
    run_clean(amain_broken);
}

static int amain_invalid(void *arg)
{
    bide_web_app *app;
    bide_web_client *client = open_work(&app);
    bide_web_response response;
    (void)arg;
    CHECK_INT(get(client, "/work?commit=x", &response), 422);
    CHECK(strstr(response.body, "\"loc\":[\"query\",\"commit\"]"));
    check_journal("");
    close_client(client, app);
    return 0;
}

TEST(nothing_is_provided_to_a_request_that_is_not_valid)
{
    run_clean(amain_invalid);
}

/* ── Failing to provide ───────────────────────────────────────────────── */

static int refuse(bide_web_request *request, const bide_web_none *in,
                  Transaction **ret_transaction)
{
    (void)in;
    (void)ret_transaction;
    return bide_web_error(request, 401, "who are you?");
}

BIDE_DEPENDENCY(refusal, refuse, bide_web_none, Transaction);
BIDE_DEPENDENCY(wrong_type, open_pool, bide_web_none, Pool);

static int amain_override(void *arg)
{
    bide_web_app *app;
    bide_web_client *client = open_work(&app);
    bide_web_response response;
    (void)arg;
    bide_web_override(app, &a_transaction, &refusal);
    CHECK_INT(get(client, "/work", &response), 401);
    CHECK_STR(response.body, "{\"detail\":\"who are you?\"}");
    check_journal("pool pool-end(BIDE_E_WEB_ERROR) ");
    bide_web_override(app, &a_transaction, NULL);
    CHECK_INT(get(client, "/work", &response), 204);
    await_note("done-2 ");
    watch_reports();
    bide_web_override(app, &a_transaction, &wrong_type);
    CHECK_INT(get(client, "/work", &response), 500);
    CHECK_OK(bide_sleep(0));
    CHECK(strstr(reports.text, "wrong_type provides Pool *, and cannot stand "
                               "in for a_transaction, which provides "
                               "Transaction *"));
    close_client(client, app);
    return 0;
}

TEST(a_dependency_can_be_replaced_and_can_refuse)
{
    run_clean(amain_override);
}

static int depend_by_hand(bide_web_request *request)
{
    void *first, *second;
    int rc = bide_web_depend(request, &a_transaction, &first);
    if (rc == 0)
        rc = bide_web_depend(request, &a_transaction, &second);
    if (rc < 0)
        return rc;
    CHECK(first == second);
    return bide_web_reply_text(request, 200, "done");
}

static int amain_by_hand(void *arg)
{
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_response response;
    (void)arg;
    journal[0] = '\0';
    bide_web_route(app, "GET", "/", depend_by_hand, NULL);
    bide_web_client *client = open_client(app);
    CHECK_INT(get(client, "/", &response), 200);
    check_journal("pool begin commit pool-end(ok) ");
    CHECK_INT(get(client, "/?commit=x", &response), 422);
    check_journal("");
    close_client(client, app);
    return 0;
}

TEST(handlers_without_an_input_depend_by_hand)
{
    run_clean(amain_by_hand);
}

/* ── Background ───────────────────────────────────────────────────────── */

static int fail_later(void *arg)
{
    (void)arg;
    note("fail ");
    return bide_raise(-EIO, "no mail today");
}

static int two_tasks(bide_web_request *request)
{
    char *text = bide_web_request_allocate(request, 8);
    strcpy(text, "mine");
    int rc = bide_web_background(request, fail_later, NULL);
    if (rc == 0)
        rc = bide_web_background(request, after_reply, text);
    return rc < 0 ? rc : bide_web_reply_text(request, 200, "ok");
}

static int amain_shutdown(void *arg)
{
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_response response;
    (void)arg;
    journal[0] = '\0';
    watch_reports();
    bide_web_route(app, "GET", "/", two_tasks, NULL);
    bide_web_client *client = open_client(app);
    CHECK_INT(get(client, "/", &response), 200);
    close_client(client, app);
    check_journal("fail task-mine done-mine ");
    CHECK_INT(reports.code, -EIO);
    CHECK(strstr(reports.text, "no mail today"));
    return 0;
}

TEST(stopping_awaits_background_tasks_and_a_failure_stops_none)
{
    run_clean(amain_shutdown);
}

static int for_ever(void *arg)
{
    (void)arg;
    int rc = bide_sleep(1e6);
    note("%s ", bide_errname(rc));
    return rc;
}

static int long_task(bide_web_request *request)
{
    int rc = bide_web_background(request, for_ever, NULL);
    return rc < 0 ? rc : bide_web_reply_text(request, 200, "ok");
}

static int amain_impatient(void *arg)
{
    const bide_web_options options = {
        .shutdown_timeout = 0.05,
        .background = 2,
    };
    bide_web_app *app = bide_web_app_new(&options);
    bide_web_response response;
    (void)arg;
    journal[0] = '\0';
    watch_reports();
    bide_web_route(app, "GET", "/", long_task, NULL);
    bide_web_client *client = open_client(app);
    CHECK_INT(get(client, "/", &response), 200);
    CHECK_INT(get(client, "/", &response), 200);
    CHECK_INT(get(client, "/", &response), 503);
    CHECK_STR(response.body, "{\"detail\":\"background tasks of 2 requests "
                             "are running, at most 2\"}");
    close_client(client, app);
    check_journal("ECANCELED ECANCELED ");
    return 0;
}

TEST(tasks_are_limited_and_cancelled_when_the_time_is_over)
{
    run_clean(amain_impatient);
}

/* ── Lifespans ────────────────────────────────────────────────────────── */

static int start_one(void *arg)
{
    note("start-%s ", (const char *)arg);
    return strcmp(arg, "bad") == 0 ? bide_raise(-EIO, "cannot start") : 0;
}

static int stop_one(void *arg)
{
    note("stop-%s ", (const char *)arg);
    return 0;
}

static int amain_lifespan(void *arg)
{
    static char a[] = "a", b[] = "b", bad[] = "bad";
    bide_web_client *client;
    (void)arg;
    journal[0] = '\0';
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_lifespan(app, start_one, stop_one, a);
    bide_web_lifespan(app, start_one, stop_one, b);
    client = open_client(app);
    note("serving ");
    CHECK_OK(bide_web_client_close(client));
    check_journal("start-a start-b serving stop-b stop-a ");
    bide_web_lifespan(app, start_one, stop_one, bad);
    CHECK_ERR(bide_web_client_open(app, &client), -EIO);
    CHECK_STR(bide_errmsg(-EIO), "cannot start");
    check_journal("start-a start-b start-bad stop-b stop-a ");
    bide_web_app_free(app);
    return 0;
}

TEST(lifespans_end_in_reverse_order_also_when_one_cannot_begin)
{
    run_clean(amain_lifespan);
}
