/* SPDX-License-Identifier: MIT */
/*
 * ps.c — `bide ps` and `bide pstree`: the tasks of a program, once.
 *
 * Each asks all loops of the program that are open, one after the other, as a
 * bide program of its own.
 */
#include <bide.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "cli.h"
#include "place.h"
#include "tree.h"

#define STACK_SIZE ((size_t)256 << 10)
#define COLUMNS_ROOM 160

struct look {
    struct places places;
    bool ended;  /* list ended tasks, too */
    bool stacks; /* with their calls */
    bool tree;
    int status;
};

static const char ps_usage[] = "bide ps [-a] [-s] [PID|SOCKET]";
static const char pstree_usage[] = "bide pstree [-s] PID|SOCKET";

/* ── One program ──────────────────────────────────────────────────────── */

static void print_head(const struct answer *answer)
{
    char latency[16];
    printf("process %lld: %lld task%s on %s, latency %s%s\n",
           (long long)answer->pid, (long long)answer->live,
           answer->live == 1 ? "" : "s", answer->backend,
           time_text(answer->latency_ns, latency),
           answer->debug ? ", debug mode" : "");
}

static void print_frames(const struct answer *answer, const struct task *task)
{
    for (size_t i = 0; i < task->frames; i++)
        printf("        %s\n", answer->frames[task->first_frame + i]);
}

static bool is_shown(const struct look *look, const struct task *task)
{
    return look->ended || strcmp(task->state, "ended") != 0;
}

/* The widths of the columns whose texts are the program's own. */
struct widths {
    int name, function, doing;
};

static int wider(int width, const char *text)
{
    int len = (int)strnlen(text, COLUMNS_ROOM);
    return len > width ? len : width;
}

static struct widths measure(const struct look *look,
                             const struct answer *answer)
{
    struct widths widths = {.name = 4, .function = 8, .doing = 5};
    char doing[COLUMNS_ROOM];
    for (size_t i = 0; i < answer->count; i++) {
        const struct task *task = &answer->tasks[i];
        if (!is_shown(look, task))
            continue;
        task_doing(task, doing, sizeof doing);
        widths.name = wider(widths.name, task->name);
        widths.function = wider(widths.function, task->function);
        widths.doing = wider(widths.doing, doing);
    }
    return widths;
}

static void print_list(const struct look *look, const struct answer *answer)
{
    struct widths widths = measure(look, answer);
    printf("%6s  %-*s  %-*s  %-*s  %8s  %8s  %8s  %s\n", "ID", widths.name,
           "NAME", widths.function, "FUNCTION", widths.doing, "STATE", "AGE",
           "WAITS", "RAN", "STACK");
    for (size_t i = 0; i < answer->count; i++) {
        const struct task *task = &answer->tasks[i];
        char doing[COLUMNS_ROOM], age[16], waits[16], ran[16], used[16],
            size[16];
        if (!is_shown(look, task))
            continue;
        task_doing(task, doing, sizeof doing);
        printf("%6llu  %-*s  %-*s  %-*s  %8s  %8s  %8s  %s/%s\n",
               (unsigned long long)task->id, widths.name, task->name,
               widths.function, task->function, widths.doing, doing,
               time_text(task->age_ns, age), time_text(task->since_ns, waits),
               time_text(task->busy_ns, ran), size_text(task->used, used),
               size_text(task->size, size));
        if (look->stacks)
            print_frames(answer, task);
    }
}

static int look_at_one(void *arg)
{
    struct look *look = arg;
    for (unsigned i = 0; i < look->places.count; i++) {
        const char *path = look->places.found[i].path;
        struct answer answer;
        int rc = answer_fetch(path, look->stacks ? "stacks" : "tasks",
                              &answer);
        if (rc == -ECANCELED)
            return rc;
        if (rc < 0) {
            look->status = complain("%s: %s", path, bide_errmsg(rc));
            continue;
        }
        print_head(&answer);
        if (look->tree)
            print_tree(&answer);
        else
            print_list(look, &answer);
        answer_release(&answer);
    }
    return 0;
}

/* ── Every program ────────────────────────────────────────────────────── */

static void command_of(pid_t pid, char text[64])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file || !fgets(text, 64, file))
        snprintf(text, 64, "?\n");
    if (file)
        fclose(file);
    text[strcspn(text, "\n")] = '\0';
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
}

/* A socket to which nobody listens was left by a program that was killed. */
static int look_at_all(void *arg)
{
    struct look *look = arg;
    printf("%8s  %-16s  %6s  %8s  %s\n", "PID", "COMMAND", "TASKS", "LATENCY",
           "BACKEND");
    for (unsigned i = 0; i < look->places.count; i++) {
        const struct place *place = &look->places.found[i];
        char command[64], latency[16];
        struct answer answer;
        int rc = answer_fetch(place->path, "loop", &answer);
        if (rc == -ECANCELED)
            return rc;
        if (rc == -ECONNREFUSED || rc == -ENOENT) {
            (void)remove(place->path);
            continue;
        }
        command_of(place->pid, command);
        if (rc < 0)
            printf("%8d  %-16s  %s\n", (int)place->pid, command,
                   bide_errmsg(rc));
        else
            printf("%8d  %-16s  %6lld  %8s  %s\n", (int)place->pid, command,
                   (long long)answer.live,
                   time_text(answer.latency_ns, latency), answer.backend);
        answer_release(&answer);
    }
    return 0;
}

/* ── Arguments ────────────────────────────────────────────────────────── */

static int run(bide_coroutine *coroutine, struct look *look)
{
    const bide_options options = {.stack_size = STACK_SIZE};
    int rc = bide_run_with(coroutine, look, &options);
    if (rc < 0)
        return complain("%s", bide_errmsg(rc));
    return look->status;
}

/* Reads the options; -1 if the target is argv[optind], else a status. */
static int read_options(struct look *look, int argc, char **argv,
                        const char *letters, const char *usage)
{
    int option;
    while ((option = getopt(argc, argv, letters)) >= 0) {
        if (option == 'a')
            look->ended = true;
        else if (option == 's')
            look->stacks = true;
        else
            return complain_usage(usage);
    }
    return argc - optind > 1 ? complain_usage(usage) : -1;
}

int ps_main(int argc, char **argv)
{
    static struct look look;
    int status = read_options(&look, argc, argv, "as", ps_usage);
    if (status >= 0)
        return status;
    if (optind == argc) {
        if (look.ended || look.stacks)
            return complain_usage(ps_usage);
        places_of_all(&look.places);
        return run(look_at_all, &look);
    }
    status = places_of(argv[optind], &look.places);
    return status ? status : run(look_at_one, &look);
}

int pstree_main(int argc, char **argv)
{
    static struct look look = {.tree = true};
    int status = read_options(&look, argc, argv, "s", pstree_usage);
    if (status >= 0)
        return status;
    if (optind == argc)
        return complain_usage(pstree_usage);
    status = places_of(argv[optind], &look.places);
    return status ? status : run(look_at_one, &look);
}
