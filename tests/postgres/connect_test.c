/* SPDX-License-Identifier: MIT */
/* connect_test.c — URLs over TCP: names, several hosts, deadlines. */
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>

#include "postgres/database.h"

/* The port of the server's URL, postgres://bide@127.0.0.1:PORT/bide. */
static int port(void)
{
    const char *url = getenv("BIDE_TEST_POSTGRES_TCP");
    return atoi(strrchr(url, ':') + 1);
}

static void check_url(const char *url)
{
    bide_sql *db;
    if (!CHECK_OK(bide_sql_open(url, NULL, &db)))
        return;
    CHECK_INT(database_number(db, "SELECT 42"), 42);
    bide_sql_close(db);
}

/* A socket that listens and never answers; its port is stored. */
static int silent_listener(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(fd, (struct sockaddr *)&address, len) == 0);
    CHECK(listen(fd, 8) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static int connect_by_names(void *arg)
{
    char url[256];
    (void)arg;
    CHECK_OK(bide_postgres_register());
    check_url(getenv("BIDE_TEST_POSTGRES_TCP"));
    snprintf(url, sizeof url, "postgresql://bide@localhost:%d/bide", port());
    check_url(url);
    /* The first host refuses, the second one has no such port. */
    snprintf(url, sizeof url,
             "postgres://bide@localhost:1,%%2Fnowhere:1,localhost:%d/bide",
             port());
    check_url(url);
    snprintf(url, sizeof url, "postgres://bide@no-such-host.invalid/bide");
    bide_sql *db;
    CHECK(bide_sql_open(url, NULL, &db) < 0);
    return 0;
}

TEST(hosts_are_found_by_name_and_tried_in_turn)
{
    CHECK_OK(bide_run(connect_by_names, NULL));
}

static int connect_to_silence(void *arg)
{
    const bide_sql_options options = {.connect_timeout = 0.1};
    char url[128];
    bide_sql *db;
    int silent;
    int fd = silent_listener(&silent);
    (void)arg;
    CHECK_OK(bide_postgres_register());
    snprintf(url, sizeof url, "postgres://bide@127.0.0.1:%d/bide", silent);
    int rc = bide_sql_open(url, &options, &db);
    CHECK_ERR(rc, BIDE_E_SQL_CONNECTION);
    CHECK_STR(bide_errmsg(rc), "08001: no connection within 0.1 s");
    close(fd);
    return 0;
}

TEST(a_server_that_does_not_answer_is_given_up)
{
    CHECK_OK(bide_run(connect_to_silence, NULL));
}
