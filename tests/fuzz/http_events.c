/* SPDX-License-Identifier: MIT */
/*
 * http_events.c — server-sent events of any kind, in pieces of a size that the
 * first byte says.
 */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include <bide/http_events.h>

struct source {
    const uint8_t *data;
    size_t left, piece;
};

static ssize_t give(void *arg, void *buf, size_t len)
{
    struct source *source = arg;
    size_t n = source->left < source->piece ? source->left : source->piece;
    n = n < len ? n : len;
    memcpy(buf, source->data, n);
    source->data += n;
    source->left -= n;
    return (ssize_t)n;
}

static int amain(void *arg)
{
    const struct fuzz_input *input = arg;
    bide_http_events *events;
    bide_http_event event;
    if (input->size == 0)
        return 0;
    struct source source = {input->data + 1, input->size - 1,
                            (size_t)input->data[0] + 1};
    int rc = bide_http_events_open_source(give, &source, 500, &events);
    if (rc < 0)
        return rc;
    while ((rc = bide_http_events_next(events, &event)) > 0)
        if (strlen(event.data) + strlen(event.event) + strlen(event.id) > 2000)
            abort();
    bide_http_events_close(events);
    return rc == -EMSGSIZE ? 0 : rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_run(amain, data, size);
    return 0;
}
