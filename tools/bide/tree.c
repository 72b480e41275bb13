/* SPDX-License-Identifier: MIT */
/*
 * tree.c — the tasks of an answer, each below the one that awaits it.
 *
 * Every task names its awaiter by number. The answer shows no single moment:
 * an awaiter may be missing, and its tasks then stand at the top. Tasks that
 * await each other in a circle are below no such root and are printed last.
 */
#include "tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define INDENT 2
#define INDENT_MAX 60 /* what is deeper stands in the same column */
#define NONE SIZE_MAX

/* How tasks hang together, by their indices. */
struct node {
    size_t parent;
    size_t first; /* child; in the order of their numbers */
    size_t next;  /* sibling */
    bool shown;
};

static int by_number(const void *left, const void *right)
{
    const struct task *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

static size_t index_of(const struct answer *answer, uint64_t id)
{
    const struct task key = {.id = id};
    const struct task *found =
        id && answer->count ? bsearch(&key, answer->tasks, answer->count,
                                      sizeof key, by_number)
                            : NULL;
    return found ? (size_t)(found - answer->tasks) : NONE;
}

static struct node *make_nodes(struct answer *answer)
{
    size_t count = answer->count;
    struct node *nodes = get_memory(count * sizeof *nodes);
    if (count)
        qsort(answer->tasks, count, sizeof *answer->tasks, by_number);
    for (size_t i = 0; i < count; i++)
        nodes[i] = (struct node){
            .parent = index_of(answer, answer->tasks[i].awaiter),
            .first = NONE,
            .next = NONE,
        };
    for (size_t i = count; i-- > 0;) {
        size_t parent = nodes[i].parent;
        if (parent == NONE)
            continue;
        nodes[i].next = nodes[parent].first;
        nodes[parent].first = i;
    }
    return nodes;
}

static void print_task(const struct answer *answer, const struct task *task,
                       int depth)
{
    char doing[160], waits[16];
    int columns = depth * INDENT < INDENT_MAX ? depth * INDENT : INDENT_MAX;
    task_doing(task, doing, sizeof doing);
    printf("%*s%s (%s), %s", columns, "", task->name, task->function, doing);
    if (task->since_ns >= 0 && strcmp(task->state, "in") == 0)
        printf(", for %s", time_text(task->since_ns, waits));
    printf("\n");
    for (size_t i = 0; i < task->frames; i++)
        printf("%*s%s\n", columns + INDENT, "",
               answer->frames[task->first_frame + i]);
}

static void print_below(const struct answer *answer, struct node *nodes,
                        size_t root)
{
    size_t at = root;
    int depth = 0;
    for (;;) {
        nodes[at].shown = true;
        print_task(answer, &answer->tasks[at], depth);
        if (nodes[at].first != NONE) {
            at = nodes[at].first;
            depth++;
            continue;
        }
        for (; at != root && nodes[at].next == NONE; depth--)
            at = nodes[at].parent;
        if (at == root)
            return;
        at = nodes[at].next;
    }
}

void print_tree(struct answer *answer)
{
    struct node *nodes = make_nodes(answer);
    bool circle = false;
    for (size_t i = 0; i < answer->count; i++)
        if (nodes[i].parent == NONE &&
            strcmp(answer->tasks[i].state, "ended") != 0)
            print_below(answer, nodes, i);
    for (size_t i = 0; i < answer->count; i++) {
        const struct task *task = &answer->tasks[i];
        if (nodes[i].shown || strcmp(task->state, "ended") == 0)
            continue;
        if (!circle)
            printf("deadlock: these tasks await each other\n");
        circle = true;
        print_task(answer, task, 1);
        printf("%*sawaited by %s\n", 2 * INDENT, "",
               answer->tasks[nodes[i].parent].name);
    }
    free(nodes);
}
