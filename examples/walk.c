/* SPDX-License-Identifier: MIT */
/*
 * walk.c — how much a directory holds, with all that is below it. Try it on
 * your home directory, and call bide_walk_skip() on directories with a dot.
 */
#include <bide.h>
#include <stdio.h>
#include <sys/stat.h>

static int add_up(const char *path, long long *ret_bytes)
{
    bide_walk walk;
    bide_entry entry;
    struct stat status;
    *ret_bytes = 0;
    int rc = bide_walk_open(&walk, path, NULL);
    if (rc < 0)
        return rc;
    while ((rc = bide_walk_next(&walk, &entry)) > 0) {
        if (entry.type != BIDE_ENTRY_FILE)
            continue;
        rc = bide_lstat(entry.path, &status);
        if (rc < 0)
            break;
        *ret_bytes += status.st_size;
    }
    bide_walk_close(&walk);
    return rc;
}

static int fill(void)
{
    int rc = bide_makedirs("tree/branch/twig", 0777);
    if (rc == 0)
        rc = bide_write_file("tree/root", "12345", 5);
    if (rc == 0)
        rc = bide_write_file("tree/branch/twig/leaf", "123", 3);
    return rc;
}

static int amain(void *arg)
{
    long long bytes;
    (void)arg;
    int rc = fill();
    if (rc == 0)
        rc = add_up("tree", &bytes);
    if (rc == 0)
        printf("%lld bytes\n", bytes);
    int removed = bide_remove_tree("tree");
    return rc < 0 ? rc : removed;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}
