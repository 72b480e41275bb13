/* SPDX-License-Identifier: MIT */
/*
 * http2_response.c — all that a server can send to a client of HTTP/2.
 *
 * The first byte says into pieces of which size the rest is cut.
 */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "http/client/http2.h"

struct peer {
    bide_stream *stream;
    const struct fuzz_input *input;
};

static int answer(void *arg)
{
    const struct peer *peer = arg;
    const struct fuzz_input *input = peer->input;
    size_t piece = input->size > 0 ? (size_t)input->data[0] * 4 + 1 : 1;
    int rc = 0;
    for (size_t at = 1; rc == 0 && at < input->size; at += piece) {
        size_t left = input->size - at;
        rc = bide_stream_write(peer->stream, input->data + at,
                               left < piece ? left : piece);
        if (rc == 0)
            rc = bide_sleep(0);
    }
    return rc == 0 ? bide_stream_write_eof(peer->stream) : rc;
}

/* A link to the peer, as connecting would have made it. */
static int open_link(bide_http_session *session, struct bide__origin *origin,
                     bide_stream *stream, struct bide__link **ret_link)
{
    struct bide__link *link;
    int rc = bide__pool_acquire(session, origin, false, &link);
    if (rc < 0)
        return rc;
    link = bide_allocate(sizeof *link);
    if (!link)
        abort();
    memset(link, 0, sizeof *link);
    link->session = session;
    link->origin = origin;
    link->stream = stream;
    rc = bide__h2_start(link);
    if (rc < 0)
        abort();
    bide__pool_opened(session, origin, link);
    *ret_link = link;
    return 0;
}

static void read_all(bide_http_response *response)
{
    char buf[100];
    ssize_t n = 1;
    const char *name, *value;
    for (size_t i = 0; bide_http_response_field(response, i, &name, &value);
         i++)
        if (strlen(name) + strlen(value) > 1 << 20)
            abort();
    while (n > 0)
        n = bide_http_response_read(response, buf, sizeof buf);
    (void)bide_http_response_trailer(response, "a");
}

static void ask(bide_http_session *session, const struct bide__url *url,
                struct bide__link *link)
{
    static const bide_http_fetch_options options = {.data = "body", .len = 4};
    struct bide__call call = {.session = session,
                              .method = "POST",
                              .options = &options,
                              .url = *url,
                              .deadline = bide_time() + 60};
    bool begun;
    bide_timeout timeout;
    bide_http_response *response = bide__response_new(&call);
    if (!response || bide__content_open(&call.content, &options) < 0)
        abort();
    bide_timeout_enter(&timeout, 60);
    int rc = bide__h2_exchange(&call, link, response, &begun);
    rc = bide_timeout_exit(&timeout, rc);
    if (rc == 0)
        read_all(response);
    bide_http_response_close(response);
}

static int fetch(void *arg)
{
    static const char text[] = "https://h/";
    bide_stream *pair[2];
    bide_http_session *session;
    struct bide__origin *origin;
    struct bide__link *link;
    struct bide__url url;
    if (bide_stream_pair(pair) < 0 ||
        bide_http_session_open(NULL, &session) < 0 ||
        bide__url_parse(&url, text, strlen(text), NULL) < 0 ||
        bide__pool_origin(session, &url, NULL, &origin) < 0 ||
        open_link(session, origin, pair[0], &link) < 0)
        abort();
    struct peer peer = {pair[1], arg};
    bide_task *task = bide_create_task(answer, &peer);
    ask(session, &url, link);
    bide__pool_release_origin(session, origin);
    bide__url_free(&url);
    bide_http_session_close(session);
    (void)bide_task_cancel(task);
    int rc = bide_await(task);
    bide_stream_close(pair[1]);
    return rc < 0 ? 0 : rc; /* it may have been cut off */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_run(fetch, data, size);
    return 0;
}
