/* SPDX-License-Identifier: MIT */
/*
 * communicate.c — feed a child, collect what it writes, wait for its end.
 *
 * Input, output and errors flow at the same time, each in a task, because a
 * child that cannot write may not read on, either. The tasks use the caller's
 * frame and end with the group.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include <bide/group.h>

#include "process/process.h"

#define FIRST_CAP 4096
#define DEFAULT_GRACE 5.0 /* seconds */

/* ── Feeding and collecting ───────────────────────────────────────────── */

struct feed {
    bide_stream *stream;
    const void *data;
    size_t len;
};

/* A child that does not want all of its input is none of our business. */
static int feed_input(void *arg)
{
    struct feed *feed = arg;
    int rc = 0;
    if (feed->len > 0)
        rc = bide_stream_write(feed->stream, feed->data, feed->len);
    if (!feed->stream->closing)
        bide_stream_close(feed->stream);
    return rc == -EPIPE || rc == -ECONNRESET ? 0 : rc;
}

/* What has come from one stream, with room for the NUL behind it. */
struct collect {
    bide_stream *stream;
    const char *name;
    size_t max;
    char *data;
    size_t len, cap;
};

/* Have room for at least one byte and the NUL; one byte more than the maximum
 * is read to learn that there is one. */
static int make_room(struct collect *collect)
{
    if (collect->cap - collect->len > 1)
        return 0;
    size_t cap = collect->cap ? collect->cap * 2 : FIRST_CAP;
    if (cap > collect->max + 2)
        cap = collect->max + 2;
    char *data = bide__realloc(collect->data, cap);
    if (!data)
        return -ENOMEM;
    collect->data = data;
    collect->cap = cap;
    return 0;
}

static int collect_all(void *arg)
{
    struct collect *collect = arg;
    for (;;) {
        int rc = make_room(collect);
        if (rc < 0)
            return rc;
        size_t room = collect->cap - collect->len - 1;
        ssize_t n =
            bide_stream_read(collect->stream, collect->data + collect->len,
                             room < BIDE_IO_MAX ? room : BIDE_IO_MAX);
        if (n <= 0)
            return (int)n;
        collect->len += (size_t)n;
        if (collect->len > collect->max) {
            collect->len = collect->max;
            return bide_raise(-EMSGSIZE,
                              "standard %s is more than the maximum of %zu "
                              "bytes",
                              collect->name, collect->max);
        }
    }
}

/* Give what was collected to the caller. */
static void hand_out(struct collect *collect, char **ret_data, size_t *ret_len)
{
    if (collect->data)
        collect->data[collect->len] = '\0';
    *ret_data = collect->data;
    *ret_len = collect->len;
}

/* ── Communicating ────────────────────────────────────────────────────── */

/* Run what there is to do, the last of it in this task. */
static int flow(struct feed *feed, struct collect *out, struct collect *err)
{
    bide_group group;
    bide_group_enter(&group);
    if (feed->stream)
        (void)bide_group_create_task(&group, feed_input, feed);
    if (out->stream && err->stream)
        (void)bide_group_create_task(&group, collect_all, err);
    int rc = 0;
    if (out->stream)
        rc = collect_all(out);
    else if (err->stream)
        rc = collect_all(err);
    return bide_group_exit(&group, rc);
}

static bide_stream *if_open(bide_stream *stream)
{
    return stream && !stream->closing ? stream : NULL;
}

static int communicate(bide_process *process, const void *input,
                       size_t input_len, size_t max,
                       bide_process_output *output)
{
    struct feed feed = {
        .stream = if_open(process->streams[0]),
        .data = input,
        .len = input_len,
    };
    struct collect out = {
        .stream = if_open(process->streams[1]),
        .name = "output",
        .max = max,
    };
    struct collect err = {
        .stream = if_open(process->streams[2]),
        .name = "error",
        .max = max,
    };
    int rc = flow(&feed, &out, &err);
    hand_out(&out, &output->out, &output->out_len);
    hand_out(&err, &output->err, &output->err_len);
    return rc < 0 ? rc : bide_process_wait(process, &output->returncode);
}

static int check_max(size_t *max)
{
    if (*max == 0)
        *max = BIDE_PROCESS_OUTPUT_MAX;
    if (*max > SIZE_MAX / 4)
        return bide_raise(-EINVAL, "max is %zu bytes, at most %zu", *max,
                          SIZE_MAX / 4);
    return 0;
}

/* Nothing collected reads as an empty text. */
static char nothing[1];

static void complete(bide_process_output *output)
{
    if (!output->out)
        output->out = nothing;
    if (!output->err)
        output->err = nothing;
}

int bide_process_communicate(bide_process *process, const void *input,
                             size_t input_len, size_t max,
                             bide_process_output *ret_output)
{
    *ret_output = (bide_process_output){.returncode = 0};
    complete(ret_output);
    int rc = check_max(&max);
    if (rc < 0)
        return rc;
    if (input_len > 0 && !process->streams[0])
        return bide_raise(-EINVAL,
                          "input_len is %zu bytes, but the input of process "
                          "%d is no pipe; set options.in to BIDE_PIPE",
                          input_len, (int)process->pid);
    rc = communicate(process, input, input_len, max, ret_output);
    complete(ret_output);
    return rc;
}

void bide_process_output_fini(bide_process_output *output)
{
    if (output->out != nothing)
        bide__free(output->out);
    if (output->err != nothing)
        bide__free(output->err);
    *output = (bide_process_output){.returncode = 0};
}

/* ── Running ──────────────────────────────────────────────────────────── */

static int check_times(const bide_process_run_options *options)
{
    if (!(options->timeout >= 0))
        return bide_raise(-EINVAL, "timeout is %g s, must be at least 0",
                          options->timeout);
    if (!(options->grace >= 0))
        return bide_raise(-EINVAL, "grace is %g s, must be at least 0",
                          options->grace);
    return 0;
}

static int run_within(const char *const *argv,
                      const bide_process_run_options *options,
                      bide_process_output *output, bide_process **ret_process)
{
    bide_process_options process = options->process;
    if (process.out == BIDE_INHERIT)
        process.out = BIDE_PIPE;
    if (process.err == BIDE_INHERIT)
        process.err = BIDE_PIPE;
    if (options->input)
        process.in = BIDE_PIPE;
    int rc = bide_process_exec(argv, &process, ret_process);
    if (rc < 0)
        return rc;
    return bide_process_communicate(*ret_process, options->input,
                                    options->input_len, options->max, output);
}

/* The error that ended the run is what is told, not one of stopping; but a
 * cancellation that came meanwhile must not get lost. */
static int stop(bide_process *process, double grace, int rc, int *ret_code)
{
    char text[BIDE_ERRMSG_MAX];
    snprintf(text, sizeof text, "%s", bide_errmsg(rc));
    int stopped = bide_process_stop(process, grace, ret_code);
    if (stopped == -ECANCELED)
        return stopped;
    return bide_raise(rc, "%s", text);
}

int bide_process_run(const char *const *argv,
                     const bide_process_run_options *given,
                     bide_process_output *ret_output)
{
    bide_process_run_options options = {.timeout = 0};
    if (given)
        options = *given;
    *ret_output = (bide_process_output){.returncode = 0};
    complete(ret_output);
    int rc = check_times(&options);
    if (rc < 0)
        return rc;
    bide_process *process = NULL;
    double seconds = options.timeout > 0 ? options.timeout : (double)INFINITY;
    double grace = options.grace > 0 ? options.grace : DEFAULT_GRACE;
    bide_timeout timeout;
    bide_timeout_enter(&timeout, seconds);
    rc = run_within(argv, &options, ret_output, &process);
    rc = bide_timeout_exit(&timeout, rc);
    if (rc < 0 && process)
        rc = stop(process, grace, rc, &ret_output->returncode);
    bide_process_close(process);
    return rc;
}
