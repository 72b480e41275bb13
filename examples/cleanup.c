/* SPDX-License-Identifier: MIT */
/*
 * cleanup.c — whatever fails, everything is released, in one place. Try to
 * connect to a port that somebody listens on.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct session {
    char *buffer;
    bide_stream *stream;
};

static int session_open(struct session *session, const char *host, int port)
{
    session->buffer = malloc(4096);
    if (!session->buffer)
        return bide_raise(-ENOMEM, "no memory for a session");
    return bide_open_connection(host, port, NULL, &session->stream);
}

static void session_close(struct session *session) /* opened or half opened */
{
    bide_stream_close(session->stream); /* NULL is allowed */
    free(session->buffer);
}

static int amain(void *arg)
{
    struct session session = {NULL, NULL};
    (void)arg;
    int rc = session_open(&session, "127.0.0.1", 1);
    if (rc == 0)
        rc = bide_stream_write(session.stream, "hello\n", 6);
    session_close(&session);
    if (rc < 0)
        printf("%s: %s\n", bide_errname(rc), bide_errmsg(rc));
    return rc == -ECONNREFUSED ? 0 : rc;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}
