/* SPDX-License-Identifier: MIT */
/*
 * server.h — a Redis of the tests' own, on a Unix socket in a directory of
 * its own, without any file of data.
 */
#ifndef BIDE_TESTS_REDIS_SERVER_H
#define BIDE_TESTS_REDIS_SERVER_H

#include <bide.h>
#include <bide/redis.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

struct redis_server {
    char directory[64];
    char socket[96];
    char url[112];
    const char *password; /* or NULL */
    pid_t process;
};

static inline bool redis_answers(const struct redis_server *server)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, server->socket);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return ok;
}

/* Start the process. Returns whether there is such a program and it runs. */
static inline bool redis_launch(struct redis_server *server)
{
    extern char **environ;
    char *argv[] = {"setpriv", "--pdeathsig", "KILL", "redis-server",
                    "--port", "0", "--unixsocket", server->socket,
                    "--save", "", "--dir", server->directory,
                    server->password ? "--requirepass" : NULL,
                    (char *)(uintptr_t)server->password, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    int rc = posix_spawnp(&server->process, argv[0], &actions, NULL, argv,
                          environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0)
        return false;
    for (int i = 0; i < 1000; i++) {
        if (redis_answers(server))
            return true;
        if (waitpid(server->process, NULL, WNOHANG) != 0)
            return false; /* there is no such program */
        usleep(10000);
    }
    return false;
}

static inline void redis_kill(struct redis_server *server)
{
    kill(server->process, SIGKILL);
    waitpid(server->process, NULL, 0);
}

/* Returns whether there is one; the test was skipped otherwise. */
static inline bool redis_begin(struct redis_server *server,
                               const char *password)
{
    *server = (struct redis_server){.directory = "/tmp/bide-redis-XXXXXX",
                                    .password = password};
    if (!mkdtemp(server->directory))
        return false;
    sprintf(server->socket, "%s/socket", server->directory);
    sprintf(server->url, "unix://%s", server->socket);
    if (redis_launch(server))
        return true;
    rmdir(server->directory);
    test_skip("there is no redis-server");
    return false;
}

static inline void redis_end(struct redis_server *server)
{
    redis_kill(server);
    unlink(server->socket);
    rmdir(server->directory);
}

#endif
