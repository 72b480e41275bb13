/* SPDX-License-Identifier: MIT */
/*
 * echo.c — a server and its client in one program. Try `nc 127.0.0.1 PORT`
 * with a sleep in place of the client.
 */
#include <bide.h>
#include <stdio.h>
#include <string.h>

static int echo(bide_stream *stream, void *arg)
{
    char buf[4096];
    ssize_t n;
    (void)arg;
    while ((n = bide_stream_read(stream, buf, sizeof buf)) > 0) {
        int rc = bide_stream_write(stream, buf, (size_t)n);
        if (rc < 0)
            return rc;
    }
    return (int)n; /* 0: the client is done */
}

static int talk(bide_stream *stream)
{
    static const char *const lines[] = {"one\n", "two\n", "three\n"};
    for (int i = 0; i < 3; i++) {
        char line[64];
        int rc = bide_stream_write(stream, lines[i], strlen(lines[i]));
        if (rc < 0)
            return rc;
        ssize_t n = bide_stream_readline(stream, line, sizeof line);
        if (n < 0)
            return (int)n;
        printf("echoed: %s", line);
    }
    return 0;
}

static int amain(void *arg)
{
    bide_server *server;
    bide_stream *stream;
    (void)arg;
    int rc = bide_start_server("127.0.0.1", 0, echo, NULL, NULL, &server);
    if (rc < 0)
        return rc;
    rc = bide_open_connection("127.0.0.1", bide_server_port(server), NULL,
                              &stream);
    if (rc == 0) {
        rc = talk(stream);
        bide_stream_close(stream);
    }
    int closed = bide_server_close(server);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}
