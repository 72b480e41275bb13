/* main.c — greet everybody named on the command line, all at once. */
#include <bide.h>
#include <stdio.h>

#include "greeting.h"

#define GUESTS_MAX 64

struct arguments {
    int count;
    char **names;
};

static int amain(void *arg)
{
    const struct arguments *arguments = arg;
    struct greeting greetings[GUESTS_MAX];
    int count = arguments->count < GUESTS_MAX ? arguments->count : GUESTS_MAX;
    bide_group group;
    bide_group_enter(&group);
    for (int i = 0; i < count; i++) {
        greetings[i] = (struct greeting){.name = arguments->names[i]};
        bide_group_create_task(&group, greet, &greetings[i]);
    }
    int rc = bide_group_exit(&group, 0);
    for (int i = 0; rc == 0 && i < count; i++)
        puts(greetings[i].text);
    return rc;
}

int main(int argc, char **argv)
{
    char *everybody[] = {"world"};
    struct arguments arguments = {argc - 1, argv + 1};
    if (argc < 2)
        arguments = (struct arguments){1, everybody};
    int rc = bide_run(amain, &arguments);
    if (rc < 0)
        fprintf(stderr, "%s\n", bide_errmsg(rc));
    return rc < 0;
}
