/* SPDX-License-Identifier: MIT */
/*
 * http_response.c — all that a server can send to a client, and what programs
 * do with it.
 *
 * The first byte says into pieces of which size the rest is cut, and how the
 * body is read.
 */
#include "fuzz.h"

#include <bide/http.h>
#include <errno.h>
#include <string.h>

static int answer(bide_stream *stream, void *arg)
{
    const struct fuzz_input *input = arg;
    size_t piece = input->size > 0 ? (size_t)(input->data[0] >> 2) * 8 + 1 : 1;
    char buf[1024];
    ssize_t n = bide_stream_readuntil(stream, "\r\n\r\n", 4, buf, sizeof buf);
    int rc = n < 0 ? (int)n : 0;
    for (size_t at = 1; rc == 0 && at < input->size; at += piece) {
        size_t left = input->size - at;
        rc = bide_stream_write(stream, input->data + at,
                               left < piece ? left : piece);
        if (rc == 0)
            rc = bide_sleep(0);
    }
    return rc == -ECANCELED ? rc : 0; /* the client may have had enough */
}

static void look(const bide_http_response *response)
{
    const char *name, *value;
    size_t len = strlen(bide_http_response_reason(response));
    for (size_t i = 0; bide_http_response_field(response, i, &name, &value);
         i++)
        len += strlen(name) + strlen(value);
    (void)bide_http_response_trailer(response, "a");
    if (bide_http_response_status(response) < 200 || len > 1 << 20)
        abort();
}

static int read_body(bide_http_response *response, unsigned way)
{
    char buf[64];
    const char *text;
    ssize_t n = 1;
    if (way == 0)
        return bide_http_response_text(response, &text);
    while (n > 0)
        n = way == 1 ? bide_http_response_readline(response, buf, sizeof buf)
            : way == 2 ? bide_http_response_read(response, buf, sizeof buf)
                       : 0;
    return (int)n;
}

static int fetch(void *arg)
{
    struct fuzz_input *input = arg;
    const bide_http_session_options options = {.timeout = 60,
                                               .body = 1 << 20};
    bide_server *server;
    bide_http_session *http;
    bide_http_response *response;
    char url[64];
    int rc = bide_start_server("127.0.0.1", 0, answer, input, NULL, &server);
    if (rc < 0)
        return rc;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/",
             bide_server_port(server));
    rc = bide_http_session_open(&options, &http);
    for (int i = 0; rc == 0 && i < 2; i++) {
        if (bide_http_get(http, url, &response) < 0)
            continue;
        look(response);
        (void)read_body(response, input->size > 0 ? input->data[0] & 3 : 0);
        look(response);
        bide_http_response_close(response);
    }
    if (rc == 0)
        bide_http_session_close(http);
    int closed = bide_server_close(server);
    return rc < 0 ? rc : closed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_run(fetch, data, size);
    return 0;
}
