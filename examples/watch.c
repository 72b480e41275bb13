/* SPDX-License-Identifier: MIT */
/*
 * watch.c — a directory that others put files into. Try BIDE_WATCH_CREATED:
 * then the file may still be empty when it is reported.
 */
#include <bide.h>
#include <stdio.h>

static int deliver(void *arg) /* somebody else */
{
    (void)arg;
    int rc = bide_write_file("inbox/letter", "hello", 5);
    if (rc == 0)
        rc = bide_rename("inbox/letter", "inbox/letter.done");
    return rc;
}

static int receive(bide_watch *watch)
{
    bide_watch_event event;
    int rc = bide_watch_next(watch, &event);
    if (rc == 0)
        printf("%s/%s was written\n", event.path, event.name);
    return rc;
}

static int watch_inbox(void)
{
    bide_watch *watch;
    int rc = bide_watch_open(&watch);
    if (rc < 0)
        return rc;
    rc = bide_watch_add(watch, "inbox", BIDE_WATCH_WRITTEN);
    if (rc == 0) {
        bide_task *task = bide_create_task(deliver, NULL);
        rc = receive(watch);
        int delivered = bide_await(task);
        rc = rc < 0 ? rc : delivered;
    }
    bide_watch_close(watch);
    return rc;
}

static int amain(void *arg)
{
    (void)arg;
    int rc = bide_mkdir("inbox", 0777);
    if (rc < 0)
        return rc;
    rc = watch_inbox();
    int removed = bide_remove_tree("inbox");
    return rc < 0 ? rc : removed;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}
