/* SPDX-License-Identifier: MIT */
/*
 * echo.c — a TCP echo server on bide: a task a connection. Prints `port=N`
 * and serves until it is killed. BIDE_BACKEND chooses the backend. `bulk`
 * reads as much at a time as a large buffer of its own holds.
 *
 *     echo [bulk]
 */
#include "bench.h"

#include <bide.h>
#include <math.h>

enum { BULK_BUFFER = 256 << 10 };

/* What has arrived is sent from where it lies, as the servers by hand do. */
static int echo(bide_stream *stream, void *arg)
{
    (void)arg;
    for (;;) {
        const char *data;
        ssize_t n = bide_stream_peek(stream, 1, &data);
        if (n <= 0)
            return (int)n;
        int rc = bide_stream_write(stream, data, (size_t)n);
        if (rc < 0)
            return rc;
        bide_stream_skip(stream, (size_t)n);
    }
}

static int echo_bulk(bide_stream *stream, void *arg)
{
    (void)arg;
    char *buffer = malloc(BULK_BUFFER);
    if (!buffer)
        return -ENOMEM;
    ssize_t n;
    int rc = 0;
    while (rc == 0 &&
           (n = bide_stream_read(stream, buffer, BULK_BUFFER)) > 0)
        rc = bide_stream_write(stream, buffer, (size_t)n);
    free(buffer);
    return rc < 0 ? rc : (int)n;
}

static int serve(void *arg)
{
    bool bulk = strcmp(arg, "bulk") == 0;
    bide_server *server;
    int rc = bide_start_server("127.0.0.1", 0, bulk ? echo_bulk : echo, NULL,
                               NULL, &server);
    if (rc < 0)
        return rc;
    printf("port=%d\n", (int)bide_server_port(server));
    fflush(stdout);
    return bide_sleep(INFINITY);
}

int main(int argc, char **argv)
{
    char *mode = argc > 1 ? argv[1] : "";
    int rc = bide_run(serve, mode);
    if (rc < 0)
        bench_die("%s", bide_errmsg(rc));
    return 0;
}
