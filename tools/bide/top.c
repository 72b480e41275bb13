/* SPDX-License-Identifier: MIT */
/*
 * top.c — `bide top`: what the tasks of a program do, again and again.
 *
 * A program can have a million tasks that run five functions, so tasks that
 * do the same in the same function are one line. In debug mode the share of a
 * processor that they took since the time before comes first.
 */
#include <bide.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "answer.h"
#include "cli.h"
#include "place.h"

#define STACK_SIZE ((size_t)256 << 10)
#define INTERVAL 1.0
#define INTERVAL_MIN 0.1
#define ROWS_AROUND 4 /* lines of a screen that are no row */

static const char usage[] = "bide top [-d SECONDS] [-n TIMES] PID|SOCKET";

/* Tasks that do the same. */
struct group {
    const char *function;
    char doing[96];
    size_t count;
    int64_t oldest_ns;
    int64_t used;
    int64_t busy_ns; /* since the time before */
};

/* How long a task had run the time before. */
struct mark {
    uint64_t id;
    int64_t busy_ns;
};

struct top {
    const char *path;
    double interval;
    long times; /* 0: until interrupted */
    struct mark *marks;
    size_t mark_count;
    double marked_at;
};

/* ── Counting ─────────────────────────────────────────────────────────── */

static int by_mark(const void *left, const void *right)
{
    const struct mark *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

static int64_t busy_before(const struct top *top, uint64_t id)
{
    const struct mark key = {.id = id};
    const struct mark *mark =
        top->mark_count ? bsearch(&key, top->marks, top->mark_count,
                                  sizeof key, by_mark)
                        : NULL;
    return mark ? mark->busy_ns : 0;
}

static void remember(struct top *top, const struct answer *answer)
{
    free(top->marks);
    top->marks = get_memory(answer->count * sizeof *top->marks);
    top->mark_count = answer->count;
    for (size_t i = 0; i < answer->count; i++)
        top->marks[i] = (struct mark){answer->tasks[i].id,
                                      answer->tasks[i].busy_ns};
    if (answer->count)
        qsort(top->marks, answer->count, sizeof *top->marks, by_mark);
    top->marked_at = bide_time();
}

static int by_kind(const void *left, const void *right)
{
    const struct task *a = left, *b = right;
    int order = strcmp(a->function, b->function);
    if (order == 0)
        order = strcmp(a->state, b->state);
    return order ? order : strcmp(a->wait, b->wait);
}

static int by_weight(const void *left, const void *right)
{
    const struct group *a = left, *b = right;
    if (a->busy_ns != b->busy_ns)
        return a->busy_ns < b->busy_ns ? 1 : -1;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return strcmp(a->function, b->function);
}

static void add(struct group *group, const struct top *top,
                const struct task *task)
{
    group->count++;
    group->used += task->used;
    if (task->age_ns > group->oldest_ns)
        group->oldest_ns = task->age_ns;
    if (task->busy_ns > 0)
        group->busy_ns += task->busy_ns - busy_before(top, task->id);
}

/* Sorts the answer's tasks, too. The caller frees the groups. */
static struct group *make_groups(const struct top *top, struct answer *answer,
                                 size_t *ret_count)
{
    struct group *groups = get_memory(answer->count * sizeof *groups);
    size_t count = 0;
    if (answer->count)
        qsort(answer->tasks, answer->count, sizeof *answer->tasks, by_kind);
    for (size_t i = 0; i < answer->count; i++) {
        const struct task *task = &answer->tasks[i];
        if (i == 0 || by_kind(task, task - 1) != 0) {
            struct group *group = &groups[count++];
            *group = (struct group){.function = task->function};
            task_doing(task, group->doing, sizeof group->doing);
        }
        add(&groups[count - 1], top, task);
    }
    if (count)
        qsort(groups, count, sizeof *groups, by_weight);
    *ret_count = count;
    return groups;
}

/* ── Printing ─────────────────────────────────────────────────────────── */

static size_t rows_of_screen(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 ||
        size.ws_row <= ROWS_AROUND)
        return SIZE_MAX; /* no terminal */
    return (size_t)size.ws_row - ROWS_AROUND;
}

static void print_head(const struct answer *answer)
{
    char latency[16];
    printf("process %lld: %lld task%s on %s, latency %s\n\n",
           (long long)answer->pid, (long long)answer->live,
           answer->live == 1 ? "" : "s", answer->backend,
           time_text(answer->latency_ns, latency));
    printf("%5s  %7s  %-24s  %-32s  %8s  %s\n", "CPU", "COUNT", "FUNCTION",
           "STATE", "OLDEST", "STACKS");
}

static void print_group(const struct group *group, const struct top *top,
                        bool debug)
{
    char cpu[16] = "-", oldest[16], used[16];
    double seconds = bide_time() - top->marked_at;
    if (debug && top->mark_count && seconds > 0)
        snprintf(cpu, sizeof cpu, "%.0f%%",
                 (double)group->busy_ns * 1e-7 / seconds);
    printf("%5s  %7zu  %-24.24s  %-32.32s  %8s  %s\n", cpu, group->count,
           group->function, group->doing, time_text(group->oldest_ns, oldest),
           size_text(group->used, used));
}

static void print_screen(struct top *top, struct answer *answer)
{
    size_t count, rows = rows_of_screen();
    struct group *groups = make_groups(top, answer, &count);
    if (rows < SIZE_MAX)
        printf("\033[H\033[2J"); /* to the corner, and clear */
    print_head(answer);
    for (size_t i = 0; i < count && i < rows; i++)
        print_group(&groups[i], top, answer->debug);
    if (count > rows)
        printf("and %zu more\n", count - rows);
    free(groups);
    remember(top, answer);
    fflush(stdout);
}

static int watch(void *arg)
{
    struct top *top = arg;
    int rc = 0;
    for (long i = 0; rc == 0 && (top->times == 0 || i < top->times); i++) {
        struct answer answer;
        if (i > 0)
            rc = bide_sleep(top->interval);
        if (rc == 0)
            rc = answer_fetch(top->path, "tasks", &answer);
        if (rc < 0)
            break;
        print_screen(top, &answer);
        answer_release(&answer);
    }
    return rc;
}

/* ── Arguments ────────────────────────────────────────────────────────── */

static int read_options(struct top *top, int argc, char **argv)
{
    int option;
    char *end = "";
    while ((option = getopt(argc, argv, "d:n:")) >= 0) {
        if (option == 'd')
            top->interval = strtod(optarg, &end);
        else if (option == 'n')
            top->times = strtol(optarg, &end, 10);
        else
            return complain_usage(usage);
        if (*end || end == optarg)
            return complain("'%s' is no number", optarg);
    }
    if (!(top->interval >= INTERVAL_MIN))
        return complain("SECONDS is %g, must be at least %g", top->interval,
                        INTERVAL_MIN);
    if (top->times < 0)
        return complain("TIMES is %ld, must be at least 0", top->times);
    return argc - optind == 1 ? STATUS_OK : complain_usage(usage);
}

int top_main(int argc, char **argv)
{
    static struct places places;
    const bide_options options = {.stack_size = STACK_SIZE};
    struct top top = {.interval = INTERVAL};
    int status = read_options(&top, argc, argv);
    if (status == STATUS_OK)
        status = places_of(argv[optind], &places);
    if (status != STATUS_OK)
        return status;
    if (places.count > 1)
        complain("the process has %u loops that are open: this is the one at "
                 "%s",
                 places.count, places.found[0].path);
    top.path = places.found[0].path;
    int rc = bide_run_with(watch, &top, &options);
    free(top.marks);
    if (rc < 0 && rc != -EINTR)
        return complain("%s: %s", top.path, bide_errmsg(rc));
    return STATUS_OK;
}
