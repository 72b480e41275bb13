/* SPDX-License-Identifier: MIT */
/*
 * run_program.c — a program to its end, with input, output and a time limit.
 * Try a sleep of ten seconds: it is stopped after five.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int run(const char *command, const char *input)
{
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    const bide_process_run_options options = {
        .input = input,
        .input_len = strlen(input),
        .timeout = 5.0,
    };
    bide_process_output output;
    int rc = bide_process_run(argv, &options, &output);
    if (rc == 0)
        printf("%s: %d, %s", command, output.returncode, output.out);
    else
        printf("%s: %s\n", command, bide_errmsg(rc));
    bide_process_output_fini(&output);
    return rc == -ETIME ? 0 : rc;
}

static int amain(void *arg)
{
    (void)arg;
    int rc = run("sort", "tea\nmilk\n");
    if (rc == 0)
        rc = run("echo no bread; exit 3", "");
    return rc;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}
