/* SPDX-License-Identifier: MIT */
/*
 * concurrent.c — three waits one after the other, then at the same time.
 * Try more of them: the second time stays the same.
 */
#include <bide.h>
#include <stdio.h>

struct fetch {
    const char *url;
    char data[32];
};

static int fetch_data(void *arg)
{
    struct fetch *fetch = arg;
    int rc = bide_sleep(0.2); /* the network, as it were */
    if (rc < 0)
        return rc;
    snprintf(fetch->data, sizeof fetch->data, "Data from %s", fetch->url);
    return 0;
}

static int amain(void *arg)
{
    struct fetch fetches[] = {{"url1", ""}, {"url2", ""}, {"url3", ""}};
    bide_task *tasks[3];
    (void)arg;
    double begin = bide_time();
    for (int i = 0; i < 3; i++) {
        int rc = fetch_data(&fetches[i]); /* just a call */
        if (rc < 0)
            return rc;
    }
    double one_by_one = bide_time() - begin;

    begin = bide_time();
    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(fetch_data, &fetches[i]);
    int rc = bide_gather(tasks, 3);
    if (rc < 0)
        return rc;
    double together = bide_time() - begin;
    for (int i = 0; i < 3; i++)
        puts(fetches[i].data);
    puts(together < one_by_one / 2 ? "in less than half of the time"
                                   : "hardly any faster");
    return 0;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}
