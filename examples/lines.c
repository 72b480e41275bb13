/* SPDX-License-Identifier: MIT */
/*
 * lines.c — a protocol of lines, with a limit and a time for each of them.
 * Try a longer pause of the client: the server ends the conversation.
 */
#include <bide.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

static ssize_t read_command(bide_stream *stream, char *line, size_t size)
{
    bide_timeout idle;
    bide_timeout_enter(&idle, 0.5);
    ssize_t n = bide_stream_readline(stream, line, size);
    int rc = bide_timeout_exit(&idle, n < 0 ? (int)n : 0);
    return rc < 0 ? rc : n;
}

static int shout(bide_stream *stream, void *arg)
{
    char line[32];
    ssize_t n;
    int rc = 0;
    (void)arg;
    while (rc == 0 && (n = read_command(stream, line, sizeof line)) != 0) {
        if (n == BIDE_E_LIMIT)
            return bide_stream_write(stream, "that is too long\n", 17);
        if (n < 0)
            return n == -ETIME ? 0 : (int)n; /* closes the connection */
        line[0] = (char)toupper((unsigned char)line[0]);
        rc = bide_stream_write(stream, line, (size_t)n);
    }
    return rc;
}

static int amain(void *arg)
{
    static const char text[] = "hello\nhow do you do\n"
                               "a line that does not fit into 32 bytes\n";
    char line[64];
    bide_stream *pair[2]; /* a server would bring the second one */
    (void)arg;
    int rc = bide_stream_pair(pair);
    if (rc < 0)
        return rc;
    rc = bide_stream_write(pair[0], text, sizeof text - 1);
    if (rc == 0)
        rc = shout(pair[1], NULL);
    bide_stream_close(pair[1]);
    while (rc == 0 && bide_stream_readline(pair[0], line, sizeof line) > 0)
        printf("%s", line);
    bide_stream_close(pair[0]);
    return rc;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}
