/* SPDX-License-Identifier: MIT */
/* socket_test.c — WebSockets, files, and replies by bide-http. */
#include <bide/file.h>
#include <stdlib.h>

#include "web.h"

BIDE_MODEL(Room, BIDE_PATH(i64, room, .ge = 1));

static char journal[256];

static int chat(bide_web_request *request, const Room *in, bide_websocket *ws)
{
    bide_websocket_message message;
    char text[128];
    int rc;
    (void)request;
    while ((rc = bide_websocket_receive(ws, &message)) > 0) {
        if (strcmp(message.data, "fail") == 0)
            return bide_raise(-EIO, "told to fail");
        snprintf(text, sizeof text, "%lld: %s", (long long)in->room,
                 message.data);
        rc = bide_websocket_send_text(ws, text);
        if (rc < 0)
            return rc;
    }
    strcat(journal, "end ");
    return rc;
}

static bide_websocket *join(const bide_web_app *app, const char *path)
{
    char url[128];
    bide_websocket *ws = NULL;
    snprintf(url, sizeof url, "ws://127.0.0.1:%d%s", bide_web_port(app),
             path);
    int rc = bide_websocket_connect(url, NULL, &ws);
    return rc < 0 ? NULL : ws;
}

static int amain_chat(void *arg)
{
    bide_web_app *app = bide_web_app_new(NULL);
    bide_websocket_message message;
    (void)arg;
    journal[0] = '\0';
    watch_reports();
    BIDE_WEB_SOCKET(app, "/rooms/{room}", chat, Room);
    CHECK_OK(bide_web_start(app, "127.0.0.1", 0));
    bide_websocket *ws = join(app, "/rooms/7");
    if (!CHECK(ws != NULL))
        return 0;
    CHECK_OK(bide_websocket_send_text(ws, "hello"));
    CHECK_INT(bide_websocket_receive(ws, &message), 1);
    CHECK_STR(message.data, "7: hello");
    CHECK_OK(bide_websocket_send_text(ws, "fail"));
    CHECK_INT(bide_websocket_receive(ws, &message), 0);
    CHECK_INT(bide_websocket_close_code(ws), 1011);
    CHECK_OK(bide_websocket_close(ws, 1000, NULL));
    CHECK(join(app, "/rooms/0") == NULL); /* 422 */
    ws = join(app, "/rooms/8");
    bide_task *stopping = bide_create_task((bide_coroutine *)bide_web_stop,
                                           app);
    CHECK_INT(bide_websocket_receive(ws, &message), 0);
    CHECK_INT(bide_websocket_close_code(ws), 1001);
    CHECK_OK(bide_websocket_close(ws, 1000, NULL));
    CHECK_OK(bide_await(stopping));
    CHECK_STR(journal, "end ");
    bide_web_app_free(app);
    return 0;
}

TEST(a_socket_s_input_is_checked_and_stopping_ends_it)
{
    run_clean(amain_chat);
}

static int amain_plain(void *arg)
{
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_response response;
    (void)arg;
    watch_reports();
    BIDE_WEB_SOCKET(app, "/rooms/{room}", chat, Room);
    bide_web_client *client = open_client(app);
    CHECK_INT(get(client, "/rooms/1", &response), 426);
    CHECK_INT(get(client, "/rooms/x", &response), 422);
    close_client(client, app);
    return 0;
}

TEST(a_request_that_is_no_socket_s_is_told_so)
{
    run_clean(amain_plain);
}

/* ── Files ────────────────────────────────────────────────────────────── */

static int amain_files(void *arg)
{
    char directory[] = "/tmp/bide-web-XXXXXX", path[64], target[64];
    bide_web_response response;
    bide_web_client *client;
    (void)arg;
    if (!CHECK(mkdtemp(directory)))
        return 0;
    snprintf(path, sizeof path, "%s/a.txt", directory);
    CHECK_OK(bide_write_file(path, "text", 4));
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_app *mount = bide_web_mount(app, "/m");
    bide_web_static(mount, "/static", directory, NULL);
    client = open_client(app);
    CHECK_INT(get(client, "/m/static/a.txt", &response), 200);
    CHECK_STR(response.body, "text");
    CHECK_STR(bide_web_response_header(&response, "Content-Type"),
              "text/plain; charset=utf-8");
    CHECK_INT(get_with(client, "/m/static/a.txt", "Range: bytes=1-2",
                       &response), 206);
    CHECK_STR(response.body, "ex");
    CHECK_INT(get(client, "/m/static/none", &response), 404);
    snprintf(target, sizeof target, "/m/static/..%%2f..%%2fetc/passwd");
    CHECK_INT(get(client, target, &response), 404);
    CHECK_INT(get(client, "/m/static/../../etc/passwd", &response), 404);
    close_client(client, app);
    app = bide_web_app_new(NULL);
    bide_web_static(app, "/static", "/nonexistent", NULL);
    CHECK_ERR(bide_web_client_open(app, &client), -ENOENT);
    bide_web_app_free(app);
    CHECK_INT(remove(path), 0);
    CHECK_INT(remove(directory), 0);
    return 0;
}

TEST(files_of_a_directory_are_served_and_no_others)
{
    run_clean(amain_files);
}

/* ── Replies by the library below ─────────────────────────────────────── */

static int by_http(bide_web_request *request)
{
    bide_http_request *http;
    CHECK_OK(bide_web_reply_header(request, "X-Mine", "yes"));
    int rc = bide_web_request_take(request, &http);
    CHECK_ERR(bide_web_request_take(request, &http), -EALREADY);
    return rc < 0 ? rc : bide_http_reply(http, 203, "a/b", "c", 1);
}

static int amain_taken(void *arg)
{
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_response response;
    (void)arg;
    bide_web_route(app, "GET", "/", by_http, NULL);
    bide_web_client *client = open_client(app);
    CHECK_INT(get(client, "/", &response), 203);
    CHECK_STR(bide_web_response_header(&response, "X-Mine"), "yes");
    CHECK_INT(get(client, "/metrics", &response), 200);
    CHECK(strstr(response.body, "route=\"/\",status=\"other\"} 1\n"));
    CHECK(strstr(response.body, "route=\"/\",le=\"+Inf\"} 1\n"));
    close_client(client, app);
    return 0;
}

TEST(a_handler_can_reply_by_the_functions_of_http)
{
    run_clean(amain_taken);
}
