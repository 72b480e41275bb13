/* SPDX-License-Identifier: MIT */
/*
 * mail.c — emails to those who register, sent after the reply.
 *
 * Without more, that is a background task of the request: it ends with the
 * program at the latest. With a store of jobs (JOBS_URL, in Redis or a
 * database) the task only writes down what is to be done: it is done by
 * whichever process works on that store, also after a crash.
 */
#include "users.h"

#include <bide/jobs.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* [mail] */
static int deliver(const struct service *service, const char *address)
{
    if (service->deliver)
        return service->deliver(address, "Welcome!");
    int rc = bide_sleep(1); /* a mail server thinks */
    if (rc == 0)
        printf("Email sent to %s: Welcome!\n", address);
    return rc;
}

static int do_welcome(const bide_job *job, void *service)
{
    return deliver(service, job->data);
}

int mail_welcome(void *arg)
{
    const struct news *news = arg;
    const char *address = news->user->email;
    if (!news->service->jobs)
        return deliver(news->service, address);
    return bide_jobs_enqueue(news->service->jobs, "welcome", address,
                             strlen(address), NULL);
}
/* [mail] */

static int work(void *arg)
{
    struct service *service = arg;
    const bide_job_route routes[] = {{"welcome", do_welcome, service}};
    return bide_jobs_work(service->jobs, routes, 1, NULL);
}

int mail_open(void *arg)
{
    struct service *service = arg;
    if (!service->jobs_url)
        return 0;
    int rc = bide_jobs_open(service->jobs_url, NULL, &service->jobs);
    if (rc == 0)
        service->worker = bide_create_task(work, service);
    return rc;
}

int mail_close(void *arg)
{
    struct service *service = arg;
    if (!service->jobs)
        return 0;
    (void)bide_task_cancel(service->worker);
    int rc = bide_await(service->worker);
    bide_jobs_close(service->jobs);
    service->jobs = NULL;
    return rc == -ECANCELED ? 0 : rc;
}
