/* SPDX-License-Identifier: MIT */
/*
 * uv_echo.c — a TCP echo server on libuv as one writes it for speed: one
 * receive buffer for all connections, and uv_try_write() before uv_write(), so
 * that a reply which fits the socket allocates nothing.
 *
 * Prints `port=N` and serves until it is killed.
 */
#include "../bench.h"

#include <netinet/in.h>
#include <uv.h>

static char incoming[256 << 10];

static void check(int rc, const char *what)
{
    if (rc < 0)
        bench_die("%s: %s", what, uv_strerror(rc));
}

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(incoming, sizeof incoming);
}

/* A write that had to wait: the request and its bytes are one block. */
static void on_written(uv_write_t *request, int status)
{
    if (status < 0 && !uv_is_closing((uv_handle_t *)request->handle))
        uv_close((uv_handle_t *)request->handle, on_closed);
    free(request);
}

static void write_rest(uv_stream_t *stream, const char *bytes, size_t len)
{
    uv_write_t *request = malloc(sizeof *request + len);
    if (!request)
        bench_die("out of memory");
    char *copy = (char *)(request + 1);
    memcpy(copy, bytes, len);
    uv_buf_t buf = uv_buf_init(copy, (unsigned)len);
    check(uv_write(request, stream, &buf, 1, on_written), "uv_write");
}

/* What waited to be written has gone out. */
static void on_shut_down(uv_shutdown_t *request, int status)
{
    (void)status;
    if (!uv_is_closing((uv_handle_t *)request->handle))
        uv_close((uv_handle_t *)request->handle, on_closed);
    free(request);
}

static void end(uv_stream_t *stream)
{
    uv_shutdown_t *request = malloc(sizeof *request);
    if (!request)
        bench_die("out of memory");
    uv_read_stop(stream);
    if (uv_shutdown(request, stream, on_shut_down) < 0) {
        free(request);
        uv_close((uv_handle_t *)stream, on_closed);
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    if (n == UV_EOF) {
        end(stream);
        return;
    }
    if (n < 0) {
        uv_close((uv_handle_t *)stream, on_closed);
        return;
    }
    uv_buf_t reply = uv_buf_init(buf->base, (unsigned)n);
    int sent = n > 0 ? uv_try_write(stream, &reply, 1) : 0;
    if (sent == UV_EAGAIN)
        sent = 0;
    if (sent < 0)
        uv_close((uv_handle_t *)stream, on_closed);
    else if (sent < n)
        write_rest(stream, buf->base + sent, (size_t)(n - sent));
}

static void on_connection(uv_stream_t *listener, int status)
{
    uv_tcp_t *connection = malloc(sizeof *connection);
    check(status, "accept");
    if (!connection)
        bench_die("out of memory");
    check(uv_tcp_init(listener->loop, connection), "uv_tcp_init");
    check(uv_accept(listener, (uv_stream_t *)connection), "uv_accept");
    check(uv_tcp_nodelay(connection, 1), "uv_tcp_nodelay");
    check(uv_read_start((uv_stream_t *)connection, on_allocate, on_read),
          "uv_read_start");
}

int main(void)
{
    uv_tcp_t listener;
    struct sockaddr_in address;
    int len = sizeof address;
    check(uv_tcp_init(uv_default_loop(), &listener), "uv_tcp_init");
    check(uv_ip4_addr("127.0.0.1", 0, &address), "uv_ip4_addr");
    check(uv_tcp_bind(&listener, (struct sockaddr *)&address, 0), "bind");
    check(uv_listen((uv_stream_t *)&listener, 4096, on_connection), "listen");
    check(uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &len),
          "getsockname");
    printf("port=%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
