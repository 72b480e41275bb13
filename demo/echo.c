/* SPDX-License-Identifier: MIT */
/*
 * echo.c — the server that the README begins with, on port 7000.
 */
/* [server] */
#include <bide.h>
#include <math.h>

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

static int amain(void *arg)
{
    bide_server *server;
    (void)arg;
    int rc = bide_start_server("127.0.0.1", 7000, echo, NULL, NULL, &server);
    return rc < 0 ? rc : bide_sleep(INFINITY); /* until Ctrl-C */
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}
/* [server] */
