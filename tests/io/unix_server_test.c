/* SPDX-License-Identifier: MIT */
/* unix_server_test.c — servers on Unix sockets, and their files. */
#include <bide.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "server.h"
#include "test.h"

/* A socket's path in a directory of its own. */
static char directory[64];
static char path[96];

static void run_in_directory(bide_coroutine *coroutine)
{
    strcpy(directory, "/tmp/bide-unix-test-XXXXXX");
    if (!CHECK(mkdtemp(directory)))
        return;
    snprintf(path, sizeof path, "%s/socket", directory);
    run_clean(coroutine);
    CHECK_OK(rmdir(directory)); /* nothing was left in it */
}

static bide_server *start_unix(const char *where,
                               const bide_server_options *options)
{
    bide_server *server = NULL;
    CHECK_OK(bide_start_unix_server(where, echo, NULL, options, &server));
    return server;
}

static int unix_echo_once(const char *where)
{
    bide_stream *stream;
    int rc = bide_open_unix_connection(where, NULL, &stream);
    if (rc < 0)
        return rc;
    rc = check_echo(stream, "hello\n");
    bide_stream_close(stream);
    return rc;
}

static int amain_path(void *arg)
{
    (void)arg;
    bide_server *server = start_unix(path, NULL);
    CHECK_INT(bide_server_port(server), 0);
    CHECK_OK(unix_echo_once(path));
    CHECK_OK(unix_echo_once(path));
    bide_server_stop(server);
    CHECK_INT(access(path, F_OK), -1);
    CHECK_ERR(unix_echo_once(path), -ENOENT);
    return bide_server_close(server);
}

TEST(a_unix_server_serves_and_removes_its_file)
{
    run_in_directory(amain_path);
}

static int amain_abstract(void *arg)
{
    (void)arg;
    char name[64];
    struct sockaddr_storage address;
    char text[128];
    char expected[128];
    bide_stream *stream;
    bide_server *other;
    snprintf(name, sizeof name, "@bide-unix-test-%d", (int)getpid());
    snprintf(expected, sizeof expected, "unix:%s", name);
    bide_server *server = start_unix(name, NULL);
    if (CHECK_OK(bide_open_unix_connection(name, NULL, &stream))) {
        CHECK_OK(check_echo(stream, "hello\n"));
        int len = bide_stream_peername(stream, &address);
        CHECK_OK(len);
        CHECK_STR(bide_address_text(&address, (size_t)len, text, sizeof text),
                  expected);
        bide_stream_close(stream);
    }
    CHECK_ERR(bide_start_unix_server(name, echo, NULL, NULL, &other),
              -EADDRINUSE);
    CHECK_OK(bide_server_close(server));
    return 0;
}

TEST(a_unix_server_may_use_the_abstract_namespace)
{
    run_clean(amain_abstract);
}

/* Leave the file of a socket that nobody listens on. */
static void leave_stale_file(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_OK(bind(fd, (struct sockaddr *)&address, sizeof address));
    CHECK_OK(listen(fd, 1));
    close(fd);
    CHECK_OK(access(path, F_OK));
}

static int amain_stale(void *arg)
{
    (void)arg;
    leave_stale_file();
    bide_server *server = start_unix(path, NULL);
    CHECK_OK(unix_echo_once(path));
    return bide_server_close(server);
}

TEST(a_file_that_nobody_listens_on_is_replaced)
{
    run_in_directory(amain_stale);
}

static int amain_live(void *arg)
{
    (void)arg;
    bide_server *other;
    char expected[160];
    snprintf(expected, sizeof expected,
             "listening on unix:%s: Address already in use", path);
    bide_server *server = start_unix(path, NULL);
    CHECK_ERR(bide_start_unix_server(path, echo, NULL, NULL, &other),
              -EADDRINUSE);
    CHECK_STR(bide_errmsg(-EADDRINUSE), expected);
    CHECK_OK(unix_echo_once(path));
    return bide_server_close(server);
}

TEST(a_file_that_somebody_listens_on_is_left_alone)
{
    run_in_directory(amain_live);
}

/* Connecting to it says EAGAIN: it is busy, not gone. */
static int amain_full(void *arg)
{
    (void)arg;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    bide_server *server;
    strcpy(address.sun_path, path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int filler = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_OK(bind(listener, (struct sockaddr *)&address, sizeof address));
    CHECK_OK(listen(listener, 0));
    CHECK_OK(connect(filler, (struct sockaddr *)&address, sizeof address));
    CHECK_ERR(bide_start_unix_server(path, echo, NULL, NULL, &server),
              -EADDRINUSE);
    CHECK_OK(access(path, F_OK));
    close(filler);
    close(listener);
    CHECK_OK(unlink(path));
    return 0;
}

TEST(a_file_whose_server_is_too_busy_to_answer_is_left_alone)
{
    run_in_directory(amain_full);
}

static int amain_other_file(void *arg)
{
    (void)arg;
    bide_server *server;
    FILE *file = fopen(path, "w");
    CHECK(file);
    fclose(file);
    CHECK_ERR(bide_start_unix_server(path, echo, NULL, NULL, &server),
              -EADDRINUSE);
    CHECK_OK(access(path, F_OK));
    unlink(path);
    return 0;
}

TEST(a_file_that_is_no_socket_is_never_replaced)
{
    run_in_directory(amain_other_file);
}

static int amain_replaced(void *arg)
{
    (void)arg;
    bide_server *first = start_unix(path, NULL);
    CHECK_OK(unlink(path));
    bide_server *second = start_unix(path, NULL);
    CHECK_OK(bide_server_close(first));
    CHECK_OK(access(path, F_OK)); /* it is the second's */
    CHECK_OK(unix_echo_once(path));
    return bide_server_close(second);
}

TEST(a_file_that_was_replaced_is_not_removed)
{
    run_in_directory(amain_replaced);
}

static int amain_mode(void *arg)
{
    (void)arg;
    static const unsigned modes[] = {0600, 0660, 0777};
    for (int i = 0; i < 3; i++) {
        const bide_server_options options = {.mode = modes[i]};
        struct stat status;
        bide_server *server = start_unix(path, &options);
        CHECK_OK(stat(path, &status));
        CHECK_INT(status.st_mode & 07777, modes[i]);
        CHECK_OK(bide_server_close(server));
    }
    return 0;
}

TEST(the_permissions_of_the_file_are_those_that_were_asked_for)
{
    mode_t before = umask(027);
    run_in_directory(amain_mode);
    umask(before);
}

static int amain_errors(void *arg)
{
    (void)arg;
    bide_server *server;
    char text[200] = "";
    memset(text, 'p', 108);
    CHECK_ERR(bide_start_unix_server(text, echo, NULL, NULL, &server),
              -ENAMETOOLONG);
    CHECK_ERR(bide_start_unix_server("", echo, NULL, NULL, &server), -EINVAL);
    CHECK_ERR(bide_start_unix_server("/nonexistent/socket", echo, NULL, NULL,
                                     &server),
              -ENOENT);
    CHECK_STR(bide_errmsg(-ENOENT),
              "listening on unix:/nonexistent/socket: No such file or "
              "directory");
    bide_task_cancel(bide_current_task());
    CHECK_ERR(bide_start_unix_server("@x", echo, NULL, NULL, &server),
              -ECANCELED);
    bide_task_uncancel(bide_current_task());
    return 0;
}

TEST(a_path_that_cannot_be_listened_on_is_an_error_that_names_it)
{
    run_clean(amain_errors);
}

static int amain_left_open(void *arg)
{
    (void)arg;
    (void)start_unix(path, NULL);
    return 0;
}

TEST(the_file_of_a_server_that_is_left_open_is_removed)
{
    run_in_directory(amain_left_open);
}
