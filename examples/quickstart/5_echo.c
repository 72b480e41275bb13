/* SPDX-License-Identifier: MIT */
/*
 * 5_echo.c — a server, and two clients at the same time. Try to serve on
 * port 8888, sleep in place of the clients, and talk to it by nc.
 */
#include <bide.h>
#include <stdio.h>

static int echo(bide_stream *stream, void *arg) /* a task for each client */
{
    char buf[4096];
    ssize_t n = 0;
    int rc = 0;
    (void)arg;
    while (rc == 0 && (n = bide_stream_read(stream, buf, sizeof buf)) > 0)
        rc = bide_stream_write(stream, buf, (size_t)n);
    return rc < 0 ? rc : (int)n; /* 0: the client has closed its side */
}

static int talk(void *arg)
{
    char line[64];
    bide_stream *stream;
    int rc = bide_open_connection("127.0.0.1", *(int *)arg, NULL, &stream);
    if (rc < 0)
        return rc;
    rc = bide_stream_write(stream, "hello\n", 6);
    if (rc == 0)
        rc = (int)bide_stream_readline(stream, line, sizeof line);
    if (rc > 0)
        printf("echoed: %s", line);
    bide_stream_close(stream);
    return rc;
}

static int serve(void *arg)
{
    bide_server *server;
    (void)arg;
    int rc = bide_start_server("127.0.0.1", 0, echo, NULL, NULL, &server);
    if (rc < 0)
        return rc;
    int port = bide_server_port(server);
    bide_task *clients[] = {bide_create_task(talk, &port),
                            bide_create_task(talk, &port)};
    rc = bide_gather(clients, 2);
    int closed = bide_server_close(server);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    return bide_run(serve, NULL) < 0;
}

/* Expected output:
 *
 *     echoed: hello
 *     echoed: hello
 */
