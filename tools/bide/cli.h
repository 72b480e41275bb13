/* SPDX-License-Identifier: MIT */
/* cli.h — what the files of the command `bide` share. */
#ifndef BIDE_CLI_H
#define BIDE_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses of our own; `bide run` has those of the program. */
enum status { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

/* The subcommands; argv[0] is the subcommand's name. Return a status. */
int http_main(int argc, char **argv);
int new_main(int argc, char **argv);
int ps_main(int argc, char **argv);
int pstree_main(int argc, char **argv);
int run_main(int argc, char **argv);
int serve_main(int argc, char **argv);
int top_main(int argc, char **argv);

/* "bide: ...", a line on standard error. Returns STATUS_FAILED. */
int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Say how the subcommand is used. Returns STATUS_USAGE. */
int complain_usage(const char *usage);

/* malloc(3) and its like; they end the program when there is no memory. */
void *get_memory(size_t size);
void *more_memory(void *memory, size_t size);
char *copy_text(const char *text);

#endif
