/* SPDX-License-Identifier: MIT */
/*
 * http2_abuse_test.c — clients that do too often what they may do.
 *
 * How often is too often is a matter of time, so it is the real one here.
 */
#include "http2.h"

struct sleeper {
    int begun, cancelled;
};

static int sleep_long(bide_http_request *request, void *arg)
{
    struct sleeper *sleeper = arg;
    sleeper->begun++;
    int rc = bide_sleep(1000);
    sleeper->cancelled += rc == -ECANCELED;
    return rc < 0 ? rc : bide_http_reply(request, 200, NULL, "late", 4);
}

static int amain_rapid(void *arg)
{
    static struct client client;
    struct sleeper sleeper = {0, 0};
    bide_http_server *server = serve(sleep_long, &sleeper, NULL);
    int rc = 0;
    (void)arg;
    client_open(&client, dial(server), 0);
    CHECK_OK(client_turn(&client));
    for (int i = 0; rc == 0 && i < 2000; i++) {
        client.count = 0;
        struct exchange *get = client_ask(&client, "/");
        rc = client_flush(&client);
        (void)nghttp2_submit_rst_stream(client.session, 0, get->id,
                                        NGHTTP2_CANCEL);
        if (rc == 0)
            rc = client_flush(&client);
        if (client.dismissed)
            break;
        if (i % 20 == 0 && rc == 0)
            rc = bide_sleep(0);
    }
    (void)client_await_end(&client);
    CHECK(client.dismissed);
    CHECK_INT(client.goaway, NGHTTP2_ENHANCE_YOUR_CALM);
    CHECK(sleeper.begun < 1000);
    CHECK_INT(sleeper.cancelled, sleeper.begun);
    client_close_all(&client);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(a_client_that_resets_as_fast_as_it_asks_is_sent_away)
{
    run_clean(amain_rapid);
}

static int flood(void (*submit)(nghttp2_session *session))
{
    static struct client client;
    bide_http_server *server = serve(tell, NULL, NULL);
    int rc = 0;
    client_open(&client, dial(server), 0);
    CHECK_OK(client_turn(&client));
    for (int i = 0; rc == 0 && i < 200; i++) {
        for (int j = 0; j < 20; j++)
            submit(client.session);
        rc = client_flush(&client);
        if (rc == 0)
            rc = bide_sleep(0);
    }
    (void)client_await_end(&client);
    CHECK(client.dismissed);
    CHECK_INT(client.goaway, NGHTTP2_ENHANCE_YOUR_CALM);
    client_close_all(&client);
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

static void submit_ping(nghttp2_session *session)
{
    (void)nghttp2_submit_ping(session, 0, NULL);
}

static void submit_settings(nghttp2_session *session)
{
    (void)nghttp2_submit_settings(session, 0, NULL, 0);
}

static int amain_floods(void *arg)
{
    (void)arg;
    int rc = flood(submit_ping);
    return rc < 0 ? rc : flood(submit_settings);
}

TEST(floods_of_pings_and_settings_end_the_connection)
{
    run_clean(amain_floods);
}
