/* SPDX-License-Identifier: MIT */
/*
 * fetch_timeout.c — each fetch has a time of its own, and one that is too slow
 * does not hold up the others. Try a longer time for the slow one.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

struct fetch {
    const char *url;
    double needs;   /* seconds that the server takes */
    double timeout; /* seconds that we allow */
};

static int operation(void *arg)
{
    const struct fetch *fetch = arg;
    return bide_sleep(fetch->needs);
}

static int fetch_data(void *arg)
{
    struct fetch *fetch = arg;
    int rc = bide_wait_for(operation, fetch, fetch->timeout);
    if (rc == -ETIME)
        printf("Timeout occurred while fetching %s\n", fetch->url);
    else if (rc == -ECANCELED)
        printf("Request for %s cancelled\n", fetch->url);
    else if (rc == 0)
        printf("Fetched %s\n", fetch->url);
    return rc;
}

static int amain(void *arg)
{
    struct fetch fetches[] = {
        {"http://example.com", 0.05, 1.0},
        {"http://slow.example.com", 5.0, 0.1},
    };
    bide_task *tasks[2];
    bide_outcome outcomes[2];
    (void)arg;
    for (int i = 0; i < 2; i++)
        tasks[i] = bide_create_task(fetch_data, &fetches[i]);
    int rc = bide_gather_outcomes(tasks, 2, outcomes);
    if (rc < 0)
        return rc;
    for (int i = 0; i < 2; i++)
        printf("%s\n", outcomes[i].code < 0 ? outcomes[i].message : "done");
    return 0;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}
