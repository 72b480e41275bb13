/* SPDX-License-Identifier: MIT */
/*
 * torture_test.c — secure conversations, each allocation failing and each
 * wait cancelled in turn.
 */
#include "helpers/torture.h"

#include "certificates.h"
#include "io/net.h"

static bide_tls_context *server_tls;
static bide_tls_context *client_tls;

static int answer(void *arg)
{
    bide_stream *stream = arg;
    int rc = bide_stream_start_tls(stream, server_tls, NULL);
    if (rc == 0)
        rc = echo(stream, NULL);
    bide_stream_close(stream);
    return rc;
}

static int ask(bide_stream *stream)
{
    int rc = bide_stream_start_tls(stream, client_tls, "localhost");
    for (int i = 0; rc == 0 && i < 2; i++)
        rc = check_echo(stream, "question\n");
    return rc;
}

/* What one side feels when the other has been disturbed. */
static bool is_consequence(int rc)
{
    return rc == -EPIPE || rc == -ECONNRESET || rc == BIDE_E_INCOMPLETE ||
           rc == BIDE_E_TLS_TRUNCATED || rc == BIDE_E_TLS;
}

static int root_cause(int rc, int other)
{
    if (rc == 0 || (is_consequence(rc) && other < 0))
        rc = other;
    return torture_disturbs() && is_consequence(rc) ? 0 : rc;
}

static int converse_by_contexts(void)
{
    bide_stream *pair[2];
    int rc = bide_stream_pair(pair);
    if (rc < 0)
        return rc;
    bide_task *task = bide_create_task(answer, pair[1]);
    if (!task)
        bide_stream_close(pair[1]);
    else
        rc = ask(pair[0]);
    bide_stream_close(pair[0]);
    if (bide_task_cancelling(bide_current_task()) || rc < 0)
        bide_task_cancel(task);
    int answered = bide_await(task);
    return root_cause(rc, answered);
}

static int converse(void *arg)
{
    const bide_tls_options server = {.certificate = certificate_file(GOOD),
                                     .alpn = "echo"};
    const bide_tls_options client = {.trust = certificate_file(AUTHORITY),
                                     .alpn = "echo"};
    (void)arg;
    int rc = bide_tls_open_server(&server, &server_tls);
    if (rc < 0)
        return rc;
    rc = bide_tls_open_client(&client, &client_tls);
    if (rc == 0) {
        rc = converse_by_contexts();
        bide_tls_close(client_tls);
    }
    bide_tls_close(server_tls);
    return rc;
}

TEST(a_secure_conversation_survives_anything)
{
    struct torture_counts counts = torture(converse);
    CHECK(counts.suspensions >= 6);
    CHECK(counts.allocations >= 10);
}
