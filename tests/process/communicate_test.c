/* SPDX-License-Identifier: MIT */
/* communicate_test.c — children that are fed, collected, run and timed. */
#include "process/children.h"

#include <stdlib.h>

#include "helpers/torture.h"

#define MUCH ((size_t)3 << 20)

/* ── Communicating ────────────────────────────────────────────────────── */

static bide_process *piped(const char *command)
{
    return shell(command, &(bide_process_options){
                              .in = BIDE_PIPE,
                              .out = BIDE_PIPE,
                              .err = BIDE_PIPE,
                          });
}

static int amain_sorts(void *arg)
{
    (void)arg;
    bide_process_output output;
    bide_process *process = piped("sort; echo done >&2; exit 3");
    CHECK_OK(bide_process_communicate(process, "c\na\nb\n", 6, 0, &output));
    CHECK_STR(output.out, "a\nb\nc\n");
    CHECK_INT(output.out_len, 6);
    CHECK_STR(output.err, "done\n");
    CHECK_INT(output.err_len, 5);
    CHECK_INT(output.returncode, 3);
    bide_process_output_fini(&output);
    CHECK(output.out == NULL);
    bide_process_output_fini(&output);
    bide_process_close(process);
    return 0;
}

TEST(communicate_feeds_collects_and_waits)
{
    run(amain_sorts);
}

static int amain_partly(void *arg)
{
    (void)arg;
    bide_process_output output;
    bide_process *process = shell("exit 0", NULL);
    CHECK_ERR(bide_process_communicate(process, "x", 1, 0, &output), -EINVAL);
    bide_process_output_fini(&output);
    CHECK_OK(bide_process_communicate(process, NULL, 0, 0, &output));
    CHECK_STR(output.out, "");
    CHECK_STR(output.err, "");
    bide_process_output_fini(&output);
    bide_process_close(process);
    process = shell("echo e >&2", &(bide_process_options){.err = BIDE_PIPE});
    CHECK_OK(bide_process_communicate(process, NULL, 0, 0, &output));
    CHECK_STR(output.err, "e\n");
    bide_process_output_fini(&output);
    bide_process_close(process);
    process = piped("cat");
    bide_stream_close(bide_process_stdin(process));
    bide_stream_close(bide_process_stderr(process));
    CHECK_OK(bide_process_communicate(process, NULL, 0, 0, &output));
    CHECK_STR(output.out, "");
    bide_process_output_fini(&output);
    bide_process_close(process);
    return 0;
}

TEST(communicate_does_what_the_open_pipes_allow)
{
    run(amain_partly);
}

static int amain_floods(void *arg)
{
    (void)arg;
    bide_process_output output;
    char *much = malloc(MUCH);
    memset(much, 'm', MUCH);
    /* More in each direction than all pipes and buffers hold. */
    bide_process *process =
        piped("head -c 3000000 /dev/zero >&2; exec cat");
    CHECK_OK(bide_process_communicate(process, much, MUCH, 0, &output));
    CHECK_INT(output.out_len, MUCH);
    CHECK_INT(output.err_len, 3000000);
    CHECK_MEM(output.out, much, MUCH);
    CHECK_INT(output.out[MUCH], 0);
    bide_process_output_fini(&output);
    bide_process_close(process);
    /* A child that does not care for its input. */
    process = piped("exec true");
    CHECK_OK(bide_process_communicate(process, much, MUCH, 0, &output));
    CHECK_INT(output.returncode, 0);
    bide_process_output_fini(&output);
    bide_process_close(process);
    free(much);
    return 0;
}

TEST(no_full_pipe_stops_the_others)
{
    run(amain_floods);
}

static int amain_maximum(void *arg)
{
    (void)arg;
    bide_process_output output;
    bide_process *process = piped("echo 12345678");
    CHECK_OK(bide_process_communicate(process, NULL, 0, 9, &output));
    CHECK_STR(output.out, "12345678\n");
    bide_process_output_fini(&output);
    bide_process_close(process);
    process = piped("echo 12345678; exec cat");
    CHECK_ERR(bide_process_communicate(process, NULL, 0, 8, &output),
              -EMSGSIZE);
    CHECK_STR(bide_errmsg(-EMSGSIZE),
              "standard output is more than the maximum of 8 bytes");
    CHECK_STR(output.out, "12345678");
    bide_process_output_fini(&output);
    bide_process_close(process);
    process = piped("exec yes >&2");
    CHECK_ERR(bide_process_communicate(process, NULL, 0, 100000, &output),
              -EMSGSIZE);
    CHECK_INT(output.err_len, 100000);
    bide_process_output_fini(&output);
    CHECK_ERR(
        bide_process_communicate(process, NULL, 0, SIZE_MAX / 2, &output),
        -EINVAL);
    bide_process_close(process);
    return 0;
}

TEST(what_is_collected_has_a_maximum)
{
    run(amain_maximum);
}

/* ── Running ──────────────────────────────────────────────────────────── */

static int run_shell(const char *command, bide_process_run_options *options,
                     bide_process_output *output)
{
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    return bide_process_run(argv, options, output);
}

static int amain_runs(void *arg)
{
    (void)arg;
    bide_process_output output;
    bide_process_run_options options = {.input = "b\na\n", .input_len = 4};
    CHECK_OK(run_shell("sort; echo e >&2; exit 9", &options, &output));
    CHECK_STR(output.out, "a\nb\n");
    CHECK_STR(output.err, "e\n");
    CHECK_INT(output.returncode, 9);
    bide_process_output_fini(&output);
    options = (bide_process_run_options){.max = 10, .grace = 100};
    CHECK_ERR(run_shell("exec yes", &options, &output), -EMSGSIZE);
    CHECK_STR(output.out, "y\ny\ny\ny\ny\n");
    CHECK(output.returncode < 0);
    bide_process_output_fini(&output);
    options = (bide_process_run_options){.process.out = 2};
    CHECK_OK(run_shell("exit 0", &options, &output)); /* not collected */
    CHECK_STR(output.out, "");
    bide_process_output_fini(&output);
    CHECK_ERR(bide_process_run((const char *const[]){"/none", NULL}, NULL,
                               &output),
              -ENOENT);
    bide_process_output_fini(&output);
    options = (bide_process_run_options){.timeout = -1};
    CHECK_ERR(run_shell("exit 0", &options, &output), -EINVAL);
    options = (bide_process_run_options){.grace = -1};
    CHECK_ERR(run_shell("exit 0", &options, &output), -EINVAL);
    return 0;
}

TEST(run_gives_all_in_one)
{
    run(amain_runs);
}

static int amain_timeouts(void *arg)
{
    (void)arg;
    bide_process_output output;
    bide_process_run_options options = {.timeout = 1, .grace = 100};
    CHECK_ERR(run_shell("echo some; exec sleep 100", &options, &output),
              -ETIME);
    CHECK_STR(bide_errmsg(-ETIME), "timed out after 1 s");
    CHECK_STR(output.out, "some\n");
    CHECK_INT(output.returncode, -SIGTERM);
    bide_process_output_fini(&output);
    options.timeout = 0.2;
    options.grace = 0.05;
    CHECK_ERR(run_shell("trap '' TERM; exec sleep 100", &options, &output),
              -ETIME);
    CHECK_INT(output.returncode, -SIGKILL);
    bide_process_output_fini(&output);
    /* A grandchild that holds the pipe open keeps nobody waiting. */
    CHECK_ERR(run_shell("sleep 3 & wait", &options, &output), -ETIME);
    CHECK_INT(output.returncode, -SIGTERM);
    bide_process_output_fini(&output);
    return 0;
}

TEST(run_stops_what_takes_too_long)
{
    run(amain_timeouts);
}

static int run_long(void *arg)
{
    bide_process_run_options options = {.grace = 100};
    return run_shell("exec sleep 100", &options, arg);
}

static int amain_cancels(void *arg)
{
    (void)arg;
    bide_process_output output = {.returncode = 0};
    bide_task *task = bide_create_task(run_long, &output);
    CHECK_OK(bide_sleep(0.1));
    bide_task_cancel(task);
    CHECK_ERR(bide_await(task), -ECANCELED);
    CHECK_INT(output.returncode, -SIGTERM);
    bide_process_output_fini(&output);
    return 0;
}

TEST(a_cancelled_run_stops_the_child)
{
    run(amain_cancels);
}

/* ── Torture ──────────────────────────────────────────────────────────── */

static int scenario(void *arg)
{
    (void)arg;
    bide_process_output output;
    bide_process_run_options options = {
        .input = "text\n",
        .input_len = 5,
        .grace = 0.5,
    };
    int rc = run_shell("cat; echo e >&2", &options, &output);
    if (!torture_disturbs()) {
        CHECK_STR(output.out, "text\n");
        CHECK_STR(output.err, "e\n");
    }
    bide_process_output_fini(&output);
    return rc;
}

TEST(running_survives_failures_and_cancellation_everywhere)
{
    int before = count_fds();
    struct torture_counts counts = torture(scenario);
    CHECK(counts.allocations >= 8);
    CHECK(counts.suspensions >= 3);
    CHECK_INT(count_fds(), before);
    CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);
}
