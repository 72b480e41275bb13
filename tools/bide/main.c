/* SPDX-License-Identifier: MIT */
/*
 * main.c — the command `bide`: run a file, begin a project, look at programs,
 * serve and fetch files.
 *
 *     main.c ─► run.c, cache.c        compile one file, and remember it
 *            ─► new.c, template/      write a small project
 *            ─► serve.c                files over HTTP
 *            ─► http.c, bars.c         fetch many URLs
 *            ─► ps.c, tree.c, top.c   print what a program tells of itself
 *                 └► place.c, answer.c   find its socket, ask there
 */
#include <bide/base.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const char help[] =
    "usage: bide COMMAND [ARGUMENT...]\n"
    "\n"
    "  bide run FILE.c [ARGUMENT...]  compile a program and run it; it is\n"
    "                                 compiled again when it has changed\n"
    "  bide new DIRECTORY             write a small project, with a test\n"
    "\n"
    "  bide serve [-p PORT] [-h HOST] [-w WORKERS] [DIRECTORY]\n"
    "                                 its files over HTTP; port 8000 of this\n"
    "                                 machine alone, unless told otherwise\n"
    "  bide http [-l LIMIT] [-r RETRIES] [-t SECONDS] [-o DIRECTORY]\n"
    "            [-i FILE] URL...     fetch many at the same time, 10 unless\n"
    "                                 told otherwise; -o: into files; -i:\n"
    "                                 more URLs, one a line\n"
    "\n"
    "  bide ps                        the programs that can be looked at\n"
    "  bide ps [-a] [-s] PID          the tasks of one; -a: also ended ones\n"
    "                                 whose handles were not released;\n"
    "                                 -s: with the calls on their stacks\n"
    "  bide pstree [-s] PID           the same, each below who awaits it\n"
    "  bide top [-d SECONDS] [-n TIMES] PID\n"
    "                                 what its tasks do, again and again\n"
    "\n"
    "  bide --version                 the version\n"
    "  bide help                      this text\n"
    "\n"
    "A program can be looked at if it was started with BIDE_INSPECT=1, or has\n"
    "called bide_inspect_open(); others cannot: bide reads no memory of other\n"
    "processes. In place of PID, the path of its socket will do. With\n"
    "BIDE_DEBUG=1 it also tells since when a task waits, and how long it ran.\n"
    "\n"
    "bide run asks pkg-config for bide and keeps what it has compiled in\n"
    "$XDG_CACHE_HOME/bide. CC, CFLAGS and LDFLAGS are obeyed.\n";

static const struct command {
    const char *name;
    int (*main)(int argc, char **argv);
} commands[] = {
    {"http", http_main},     {"new", new_main}, {"ps", ps_main},
    {"pstree", pstree_main}, {"run", run_main}, {"serve", serve_main},
    {"top", top_main},
};

int complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fflush(stdout);
    fputs("bide: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return STATUS_FAILED;
}

int complain_usage(const char *usage)
{
    fprintf(stderr, "usage: %s\n", usage);
    return STATUS_USAGE;
}

void *get_memory(size_t size)
{
    return more_memory(NULL, size);
}

void *more_memory(void *memory, size_t size)
{
    memory = realloc(memory, size ? size : 1);
    if (!memory)
        exit(complain("no memory for %zu bytes", size));
    return memory;
}

char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(get_memory(size), text, size);
}

static bool is_one_of(const char *word, const char *one, const char *other)
{
    return strcmp(word, one) == 0 || strcmp(word, other) == 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs(help, stderr);
        return STATUS_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "help") == 0 || is_one_of(word, "-h", "--help")) {
        fputs(help, stdout);
        return STATUS_OK;
    }
    if (is_one_of(word, "-V", "--version")) {
        printf("bide %s\n", bide_version());
        return STATUS_OK;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(word, commands[i].name) == 0)
            return commands[i].main(argc - 1, argv + 1);
    complain("there is no command '%s'; see bide help", word);
    return STATUS_USAGE;
}
