/* SPDX-License-Identifier: MIT */
/*
 * pipes.c — a conversation with a program, whose input and output are streams.
 * Try to leave bide_stream_write_eof() out: cat waits for more, and so do we.
 */
#include <bide.h>
#include <stdio.h>
#include <string.h>

static int ask(bide_process *process, const char *question)
{
    char answer[64];
    int rc = bide_stream_write(bide_process_stdin(process), question,
                               strlen(question));
    if (rc < 0)
        return rc;
    ssize_t n = bide_stream_readline(bide_process_stdout(process), answer,
                                     sizeof answer);
    if (n > 0)
        printf("cat says: %s", answer);
    return n < 0 ? (int)n : 0;
}

static int talk(bide_process *process)
{
    int code;
    int rc = ask(process, "how are you?\n");
    if (rc == 0)
        rc = ask(process, "and otherwise?\n");
    if (rc == 0)
        rc = bide_stream_write_eof(bide_process_stdin(process));
    if (rc == 0)
        rc = bide_process_wait(process, &code);
    if (rc == 0)
        printf("it has ended with %d\n", code);
    return rc;
}

static int amain(void *arg)
{
    static const char *const argv[] = {"cat", NULL};
    const bide_process_options options = {.in = BIDE_PIPE, .out = BIDE_PIPE};
    bide_process *process;
    (void)arg;
    int rc = bide_process_exec(argv, &options, &process);
    if (rc < 0)
        return rc;
    rc = talk(process);
    bide_process_close(process); /* kills it if it still runs */
    return rc;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}
