/* SPDX-License-Identifier: MIT */
/* answer.h — what a program tells of itself; see answer.c. */
#ifndef BIDE_CLI_ANSWER_H
#define BIDE_CLI_ANSWER_H

#include <bide/task.h>

/* One task, as src/task/snapshot.c describes it; -1 for what is not known. */
struct task {
    uint64_t id;
    uint64_t awaiter; /* 0: none */
    int64_t age_ns;
    int64_t since_ns; /* waits for so long */
    int64_t busy_ns;  /* ran for so long */
    int64_t used;     /* bytes of its stack */
    int64_t size;
    const char *state; /* "in" before a wait */
    const char *wait;
    const char *function;
    const char *name;
    size_t frames; /* lines in the answer's */
    size_t first_frame;
    char *line; /* all texts are within */
};

struct answer {
    char version[32];
    char backend[16];
    int64_t pid;
    int64_t live;
    int64_t latency_ns;
    bool debug;
    struct task *tasks;
    size_t count;
    char **frames;
    size_t frame_count;
};

/*
 * Ask the program at a socket for "loop", "tasks" or "stacks". Returns 0 or a
 * negative code with a message. Suspends. The caller releases the answer,
 * which is empty after an error.
 */
int answer_fetch(const char *path, const char *request,
                 struct answer *answer);
void answer_release(struct answer *answer);

/* What a task does: "running", "in bide_sleep()". */
void task_doing(const struct task *task, char *text, size_t size);

/* "3.2 s", "250 ms", "-" where it is not known. */
const char *time_text(int64_t ns, char text[16]);

/* "12K", "3.5M", "-". */
const char *size_text(int64_t bytes, char text[16]);

#endif
