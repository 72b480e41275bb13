/* SPDX-License-Identifier: MIT */
/*
 * client.c — what is measured of bide's HTTP client: GETs over connections
 * that are kept, by as many tasks.
 *
 *     http_client URL CONNECTIONS SECONDS
 *
 * Prints requests= and us=, the microseconds of processor time that one took.
 */
#include <bide.h>
#include <bide/http.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

struct load {
    const char *url;
    bide_http_session *http;
    double end;
    uint64_t requests;
};

static double processor_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static int get_again_and_again(void *arg)
{
    struct load *load = arg;
    char buf[4096];
    while (bide_time() < load->end) {
        bide_http_response *response;
        int rc = bide_http_get(load->http, load->url, &response);
        if (rc < 0)
            return rc;
        ssize_t n;
        while ((n = bide_http_response_read(response, buf, sizeof buf)) > 0)
            ;
        int status = bide_http_response_status(response);
        bide_http_response_close(response);
        if (n < 0)
            return (int)n;
        if (status != 200)
            return bide_raise(-EPROTO, "the status is %d", status);
        load->requests++;
    }
    return 0;
}

static int amain(void *arg)
{
    char **argv = arg;
    size_t count = strtoul(argv[2], NULL, 10);
    struct load load = {.url = argv[1]};
    const bide_http_session_options options = {.connections = count};
    bide_task **tasks = malloc(count * sizeof *tasks);
    int rc = tasks ? bide_http_session_open(&options, &load.http) : -ENOMEM;
    if (rc < 0) {
        free(tasks);
        return rc;
    }
    load.end = bide_time() + strtod(argv[3], NULL);
    double before = processor_seconds();
    for (size_t i = 0; i < count; i++)
        tasks[i] = bide_create_task(get_again_and_again, &load);
    rc = bide_gather(tasks, count);
    double used = processor_seconds() - before;
    bide_http_session_close(load.http);
    free(tasks);
    if (rc >= 0)
        printf("requests=%llu us=%.4f\n", (unsigned long long)load.requests,
               load.requests ? used * 1e6 / (double)load.requests : 0);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: http_client URL CONNECTIONS SECONDS\n", stderr);
        return 2;
    }
    int rc = bide_run(amain, argv);
    if (rc < 0)
        fprintf(stderr, "http_client: %s\n", bide_errmsg(rc));
    return rc < 0;
}
