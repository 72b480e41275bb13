/* SPDX-License-Identifier: MIT */
/* log_test.c — what access logs say, and what they drop. */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "file/desk.h"
#include "http.h"

static char text[300000];

static int reply_hello(bide_http_request *request, void *arg)
{
    (void)arg;
    return bide_http_reply(request, 200, "text/plain", "hello", 5);
}

/* One conversation, to its end. */
static void converse(const bide_http_server *server, const char *request)
{
    char buf[4096];
    bide_stream *stream = dial(server);
    say(stream, request);
    CHECK(hear_all(stream, buf, sizeof buf) >= 0);
    bide_stream_close(stream);
}

static bide_http_log *open_log(const bide_http_log_options *options)
{
    bide_http_log *log = NULL;
    CHECK_OK(bide_http_log_open(on_desk("log"), options, &log));
    return log;
}

static const char *read_log(const char *name)
{
    text[content(on_desk(name), text, sizeof text - 1)] = '\0';
    return text;
}

static void on_a_desk(bide_coroutine *coroutine)
{
    desk_open();
    run_clean(coroutine);
    desk_close();
}

/* ── Lines ────────────────────────────────────────────────────────────── */

#define AND_GO " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"

static void request_all(bide_http_log *log)
{
    const bide_http_server_options options = {.log = log};
    bide_http_server *server = serve(reply_hello, NULL, &options);
    converse(server, "GET /a?b" AND_GO "Referer: http://x/\r\n"
                     "User-Agent: tests/1 (\"quoted\\\")\r\n\r\n");
    converse(server, "HEAD /\"\x01" AND_GO "\r\n");
    converse(server, "HEAD /x" AND_GO "\r\n");
    converse(server, "GET / HTTP/1.0\r\n\r\n");
    CHECK_OK(bide_http_server_close(server));
    bide_http_log_close(log);
}

/* Compares the lines of the log with expectations in which '?' stands for a
 * time: up to the next character of the line that follows it there. */
static void check_lines(const char *expected)
{
    const char *at = text;
    for (; *expected && *at; expected++) {
        if (*expected != '?') {
            if (*expected != *at)
                break;
            at++;
            continue;
        }
        while (*at && *at != expected[1])
            at++;
    }
    CHECK_STR(at, expected); /* both at their ends */
}

static int amain_combined(void *arg)
{
    (void)arg;
    request_all(open_log(NULL));
    (void)read_log("log");
    check_lines(
        "127.0.0.1 - - [?] \"GET /a?" "b HTTP/1.1\" 200 5 \"http://x/\" "
        "\"tests/1 (\\x22quoted\\x5c\\x22)\" ?\n"
        "127.0.0.1 - - [?] \"-\" 400 16 \"-\" \"-\" ?\n"
        "127.0.0.1 - - [?] \"HEAD /x HTTP/1.1\" 200 0 \"-\" \"-\" ?\n"
        "127.0.0.1 - - [?] \"GET / HTTP/1.0\" 200 5 \"-\" \"-\" ?\n");
    return 0;
}

TEST(lines_have_the_combined_format)
{
    on_a_desk(amain_combined);
}

static int amain_json(void *arg)
{
    const bide_http_log_options options = {.json = true};
    (void)arg;
    request_all(open_log(&options));
    (void)read_log("log");
    check_lines(
        "{\"time\":\"?\",\"client\":\"127.0.0.1\",\"method\":\"GET\","
        "\"target\":\"/a?" "b\",\"version\":\"1.1\",\"status\":200,"
        "\"bytes\":5,\"seconds\":?,\"referer\":\"http://x/\","
        "\"agent\":\"tests/1 (\\u0022quoted\\u005c\\u0022)\"}\n"
        "{\"time\":\"?\",\"client\":\"127.0.0.1\",\"version\":\"1.1\","
        "\"status\":400,\"bytes\":16,\"seconds\":?}\n"
        "{\"time\":\"?\",\"client\":\"127.0.0.1\",\"method\":\"HEAD\","
        "\"target\":\"/x\",\"version\":\"1.1\",\"status\":200,\"bytes\":0,"
        "\"seconds\":?}\n"
        "{\"time\":\"?\",\"client\":\"127.0.0.1\",\"method\":\"GET\","
        "\"target\":\"/\",\"version\":\"1.0\",\"status\":200,\"bytes\":5,"
        "\"seconds\":?}\n");
    return 0;
}

TEST(lines_are_objects_of_json_if_asked_for)
{
    on_a_desk(amain_json);
}

static int amain_cut(void *arg)
{
    static char request[20000];
    const bide_http_log_options json = {.json = true};
    bide_http_log *log = open_log(&json);
    const bide_http_server_options options = {.log = log};
    bide_http_server *server = serve(reply_hello, NULL, &options);
    (void)arg;
    int n = snprintf(request, sizeof request, "GET /");
    memset(request + n, 'a', 5000);
    n += 5000;
    n += snprintf(request + n, 100, AND_GO "User-Agent: ");
    memset(request + n, '"', 5000);
    n += 5000;
    snprintf(request + n, 100, "\r\n\r\n");
    converse(server, request);
    CHECK_OK(bide_http_server_close(server));
    bide_http_log_close(log);
    CHECK(strstr(read_log("log"), "aaa...\",\"version\""));
    CHECK(strstr(text, "\\u0022...\"}\n"));
    CHECK(strlen(text) < 8000);
    return 0;
}

TEST(long_values_are_cut)
{
    on_a_desk(amain_cut);
}

static int upgrade(bide_http_request *request, void *arg)
{
    bide_stream *stream;
    (void)arg;
    int rc = bide_http_request_upgrade(request, "some", &stream);
    if (rc == 0)
        bide_stream_close(stream);
    return rc;
}

static int amain_upgraded(void *arg)
{
    bide_http_log *log = open_log(NULL);
    const bide_http_server_options options = {.log = log};
    bide_http_server *server = serve(upgrade, NULL, &options);
    (void)arg;
    converse(server, "GET /up HTTP/1.1\r\nHost: x\r\nUpgrade: some\r\n"
                     "Connection: Upgrade\r\n\r\n");
    CHECK_OK(bide_http_server_close(server));
    bide_http_log_close(log);
    (void)read_log("log");
    check_lines("127.0.0.1 - - [?] \"GET /up HTTP/1.1\" 101 0 \"-\" \"-\" "
                "?\n");
    return 0;
}

TEST(a_connection_that_changes_its_protocol_is_noted_once)
{
    on_a_desk(amain_upgraded);
}

/* ── Files ────────────────────────────────────────────────────────────── */

static size_t count_lines(const char *at)
{
    size_t count = 0;
    for (; *at; at++)
        count += *at == '\n';
    return count;
}

static int amain_reopened(void *arg)
{
    const bide_http_log_options quick = {.interval = 0.01};
    bide_http_log *log = open_log(&quick);
    const bide_http_server_options options = {.log = log};
    bide_http_server *server = serve(reply_hello, NULL, &options);
    (void)arg;
    converse(server, "GET /1" AND_GO "\r\n");
    while (count_lines(read_log("log")) < 1) /* without being closed */
        usleep(1000);
    CHECK_OK(rename(on_desk("log"), on_desk("old")));
    bide_http_log_reopen(log);
    while (access(on_desk("log"), F_OK) < 0)
        usleep(1000);
    converse(server, "GET /2" AND_GO "\r\n");
    CHECK_OK(bide_http_server_close(server));
    bide_http_log_close(log);
    CHECK_INT(count_lines(read_log("old")), 1);
    CHECK(strstr(read_log("log"), "GET /2 "));
    log = open_log(NULL); /* what is there stays */
    bide_http_log_close(log);
    CHECK_INT(count_lines(read_log("log")), 1);
    return 0;
}

TEST(a_log_is_written_in_time_and_can_be_reopened)
{
    on_a_desk(amain_reopened);
}

static int amain_dropped(void *arg)
{
    const bide_http_log_options least = {.buffer = 65536, .interval = 3600};
    bide_http_log *log = NULL;
    (void)arg;
    CHECK_OK(mkfifo(on_desk("pipe"), 0600));
    int reader = open(on_desk("pipe"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    CHECK_OK(bide_http_log_open(on_desk("pipe"), &least, &log));
    const bide_http_server_options options = {.log = log};
    bide_http_server *server = serve(reply_hello, NULL, &options);
    bide_stream *stream = dial(server);
    char body[16];
    size_t sent = 0;
    while (bide_http_log_dropped(log) == 0 && sent < 10000) {
        say(stream, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        CHECK_INT(hear(stream, body, sizeof body), 200); /* nobody waits */
        sent++;
    }
    CHECK_INT(bide_http_log_dropped(log), 1);
    CHECK(sent > 500);
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    close(reader); /* what is left cannot be written now */
    bide_http_log_close(log);
    return 0;
}

TEST(lines_that_nobody_takes_are_dropped_and_counted)
{
    on_a_desk(amain_dropped);
}

static int amain_refused(void *arg)
{
    static const bide_http_log_options wrong[] = {
        {.buffer = 65535},
        {.buffer = ((size_t)1 << 30) + 1},
        {.interval = -1},
        {.interval = 3601},
    };
    bide_http_log *log;
    (void)arg;
    for (size_t i = 0; i < 4; i++)
        CHECK_ERR(bide_http_log_open(on_desk("log"), &wrong[i], &log),
                  -EINVAL);
    CHECK_ERR(bide_http_log_open(on_desk("none/log"), NULL, &log), -ENOENT);
    bide_http_log_close(NULL);
    return 0;
}

TEST(options_and_paths_that_cannot_be_are_refused)
{
    on_a_desk(amain_refused);
}

/* ── Names of clients ─────────────────────────────────────────────────── */

static int serve_local(bide_stream *stream, void *arg)
{
    const bide_http_server_options options = {.log = arg};
    return bide_http_serve_stream(stream, reply_hello, NULL, &options);
}

/* A client chooses the name of its own end of a Unix socket. */
static bide_stream *dial_as(const char *path, const char *name)
{
    struct sockaddr_un own = {.sun_family = AF_UNIX};
    struct sockaddr_un server = {.sun_family = AF_UNIX};
    bide_stream *stream = NULL;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t head = offsetof(struct sockaddr_un, sun_path);
    snprintf(own.sun_path + 1, sizeof own.sun_path - 1, "%d%s", (int)getpid(),
             name);
    snprintf(server.sun_path, sizeof server.sun_path, "%s", path);
    socklen_t len = head + 1 + (socklen_t)strlen(own.sun_path + 1);
    CHECK_INT(bind(fd, (struct sockaddr *)&own, len), 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&server, sizeof server), 0);
    CHECK_OK(bide_stream_open(fd, 0, &stream));
    return stream;
}

static int amain_named(void *arg)
{
    bide_http_log *log = open_log(NULL);
    bide_server *server;
    char buf[256];
    (void)arg;
    CHECK_OK(bide_start_unix_server(on_desk("socket"), serve_local, log, NULL,
                                    &server));
    bide_stream *stream = dial_as(on_desk("socket"), " \n6.6.6.6 - -");
    say(stream, "GET /" AND_GO "\r\n");
    CHECK(hear_all(stream, buf, sizeof buf) >= 0);
    bide_stream_close(stream);
    CHECK_OK(bide_server_close(server));
    bide_http_log_close(log);
    const char *lines = read_log("log");
    CHECK_INT(count_lines(lines), 1);
    CHECK(strstr(lines, "??6.6.6.6?-?- - - ["));
    return 0;
}

TEST(the_name_of_a_unix_socket_is_one_word_of_the_log)
{
    on_a_desk(amain_named);
}

/* ── Threads ──────────────────────────────────────────────────────────── */

static int amain_workers(void *arg)
{
    const bide_http_log_options quick = {.interval = 0.001};
    bide_http_log *log = open_log(&quick);
    const bide_http_server_options options = {.log = log, .workers = 3};
    bide_http_server *server = serve(reply_hello, NULL, &options);
    (void)arg;
    for (int i = 0; i < 60; i++)
        converse(server, "GET /" AND_GO "\r\n");
    CHECK_OK(bide_http_server_close(server));
    CHECK_INT(bide_http_log_dropped(log), 0);
    bide_http_log_close(log);
    CHECK_INT(count_lines(read_log("log")), 60);
    return 0;
}

TEST(workers_share_a_log)
{
    on_a_desk(amain_workers);
}
