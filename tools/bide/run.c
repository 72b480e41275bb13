/* SPDX-License-Identifier: MIT */
/*
 * run.c — `bide run FILE.c`: compile one file, and become the program.
 *
 * What was compiled before is run at once, without asking anybody (cache.c).
 * Otherwise pkg-config says where bide is, and the compiler is called as one
 * would by hand; -v shows how. A file that includes <bide/test.h> is linked
 * with bide-test, too, and so for the other libraries beside bide.
 */
#include <bide/base.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache.h"
#include "cli.h"

#define SOURCE_MAX ((off_t)64 << 20)   /* bytes */
#define OUTPUT_MAX ((size_t)64 << 10)  /* of pkg-config */
#define NOT_FOUND 127

extern char **environ;

static const char usage[] = "bide run [-v] FILE.c [ARGUMENT...]";
static const char default_flags[] = "-std=gnu11 -O2 -g -Wall";

/* Libraries of their own, by the header that says a program uses them. */
static const char *const beside[] = {"http", "test", "tls"};
#define BESIDE (sizeof beside / sizeof *beside)

/* ── Lists of words ───────────────────────────────────────────────────── */

struct words {
    char **all; /* ended by NULL, as execv(3) wants it */
    size_t count;
};

static void append(struct words *words, const char *text)
{
    words->all = more_memory(words->all,
                             (words->count + 2) * sizeof *words->all);
    words->all[words->count++] = copy_text(text);
    words->all[words->count] = NULL;
}

/* Cut at spaces; a backslash, by which pkg-config keeps one in a path, makes
 * the next character an ordinary one. */
static void append_split(struct words *words, const char *text)
{
    char *word = get_memory(strlen(text) + 1);
    while (*text) {
        size_t len = 0;
        text += strspn(text, " \t\n");
        for (; *text && !strchr(" \t\n", *text); text++) {
            if (*text == '\\' && text[1])
                text++;
            word[len++] = *text;
        }
        word[len] = '\0';
        if (len > 0)
            append(words, word);
    }
    free(word);
}

static void free_words(struct words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->all[i]);
    free(words->all);
}

static const char *setting(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

/* ── Other programs ───────────────────────────────────────────────────── */

static size_t read_all(int fd, char *buf, size_t size)
{
    size_t used = 0;
    ssize_t n;
    while (used < size - 1 && (n = read(fd, buf + used, size - 1 - used)) > 0)
        used += (size_t)n;
    buf[used] = '\0';
    return used;
}

/* Run a program to its end. Its output goes to `output`, OUTPUT_MAX bytes, if
 * that is not NULL. Returns its exit status, NOT_FOUND if there is none. */
static int run_to_end(const struct words *command, char *output)
{
    int ends[2] = {-1, -1};
    pid_t pid;
    int status;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (output) {
        if (pipe2(ends, O_CLOEXEC) < 0)
            exit(complain("no pipe: %s", strerror(errno)));
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    }
    int error = posix_spawnp(&pid, command->all[0], &actions, NULL,
                             command->all, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (output) {
        close(ends[1]);
        if (error == 0)
            read_all(ends[0], output, OUTPUT_MAX);
        close(ends[0]);
    }
    if (error)
        return NOT_FOUND;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return STATUS_FAILED;
    return WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_FAILED;
}

/* ── The source ───────────────────────────────────────────────────────── */

static int read_source(const char *path, char **ret_text, size_t *ret_size)
{
    size_t len = strlen(path);
    if (len < 2 || strcmp(path + len - 2, ".c") != 0)
        return complain("'%s' does not end in .c", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return complain("%s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode) || status.st_size > SOURCE_MAX)
        return complain("%s is no file of at most %lld bytes", path,
                        (long long)SOURCE_MAX);
    *ret_text = get_memory((size_t)status.st_size + 1);
    *ret_size = read_all(fd, *ret_text, (size_t)status.st_size + 1);
    close(fd);
    return STATUS_OK;
}

static uint64_t add_text(uint64_t key, const char *text)
{
    return fnv(key, text, strlen(text) + 1);
}

/* Everything that decides what comes out, but for the files that the source
 * includes: those are the entry's inputs. */
static uint64_t make_key(const char *path, const char *source, size_t size)
{
    static const char *const variables[] = {
        "CC",     "CFLAGS", "CPATH",          "C_INCLUDE_PATH",
        "LDFLAGS", "LIBRARY_PATH", "PKG_CONFIG_PATH"};
    char whole[PATH_MAX];
    bool set = false;
    uint64_t key = add_text(FNV_START, bide_version());
    key = add_text(key, default_flags);
    key = add_text(key, realpath(path, whole) ? whole : path);
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        key = add_text(key, setting(variables[i], ""));
        set = set || *setting(variables[i], "");
    }
    if (set && getcwd(whole, sizeof whole)) /* which -Iinclude is within */
        key = add_text(key, whole);
    return fnv(key, source, size);
}

/* Whether it has a line #include <bide/NAME.h>. */
static bool includes(const char *source, const char *name)
{
    char header[64];
    size_t len = (size_t)snprintf(header, sizeof header, "<bide/%s.h>", name);
    for (const char *at = source; (at = strstr(at, header)); at += len) {
        const char *line = at;
        while (line > source && line[-1] != '\n')
            line--;
        if (line[strspn(line, " \t")] == '#')
            return true;
    }
    return false;
}

/* ── Compiling ────────────────────────────────────────────────────────── */

/* The bide that this command was installed with is found without a setting,
 * after those that the user prefers. */
static void prefer_our_own(void)
{
    const char *path = setting("PKG_CONFIG_PATH", NULL);
    size_t size = (path ? strlen(path) : 0) + sizeof PKGCONFIG_DIRECTORY + 1;
    char *both = get_memory(size);
    snprintf(both, size, "%s%s%s", path ? path : "", path ? ":" : "",
             PKGCONFIG_DIRECTORY);
    setenv("PKG_CONFIG_PATH", both, 1);
    free(both);
}

static int ask_pkg_config(const char *source, struct words *flags)
{
    struct words command = {.all = NULL};
    append(&command, setting("PKG_CONFIG", "pkg-config"));
    append(&command, "--cflags");
    append(&command, "--libs");
    append(&command, "bide");
    for (size_t i = 0; i < BESIDE; i++) {
        char package[64];
        snprintf(package, sizeof package, "bide-%s", beside[i]);
        if (includes(source, beside[i]))
            append(&command, package);
    }
    prefer_our_own();
    char *output = get_memory(OUTPUT_MAX);
    int status = run_to_end(&command, output);
    if (status == STATUS_OK)
        append_split(flags, output);
    else if (status == NOT_FOUND)
        complain("'%s' is not there; install pkg-config", command.all[0]);
    else
        complain("pkg-config does not know where bide is; install it, or set "
                 "PKG_CONFIG_PATH");
    free(output);
    free_words(&command);
    return status == STATUS_OK ? STATUS_OK : STATUS_FAILED;
}

/* Libraries that lie where the dynamic linker does not look are found by the
 * path that is written into the program. */
static void append_run_paths(struct words *command, const struct words *flags)
{
    char option[PATH_MAX + 16];
    for (size_t i = 0; i < flags->count; i++) {
        if (strncmp(flags->all[i], "-L", 2) != 0)
            continue;
        snprintf(option, sizeof option, "-Wl,-rpath,%.4096s",
                 flags->all[i] + 2);
        append(command, option);
    }
}

static void make_command(struct words *command, const char *path,
                         const struct entry *entry, const struct words *flags)
{
    append_split(command, setting("CC", "cc"));
    append_split(command, default_flags);
    append_split(command, setting("CFLAGS", ""));
    append(command, "-MD");
    append(command, "-MF");
    append(command, entry->rules);
    append(command, path);
    append(command, "-o");
    append(command, entry->temporary);
    for (size_t i = 0; i < flags->count; i++)
        append(command, flags->all[i]);
    append_run_paths(command, flags);
    append_split(command, setting("LDFLAGS", ""));
}

static void show(const struct words *command)
{
    for (size_t i = 0; i < command->count; i++)
        fprintf(stderr, "%s%s", command->all[i],
                i + 1 < command->count ? " " : "\n");
}

static int compile(const char *path, const char *source,
                   const struct entry *entry, bool verbose)
{
    struct words flags = {.all = NULL}, command = {.all = NULL};
    int status = ask_pkg_config(source, &flags);
    if (status == STATUS_OK) {
        make_command(&command, path, entry, &flags);
        if (verbose)
            show(&command);
        status = run_to_end(&command, NULL);
        if (status == NOT_FOUND)
            complain("there is no compiler '%s'; install one, or set CC",
                     command.all[0]);
        if (status == STATUS_OK)
            status = cache_put(entry);
        else
            cache_drop(entry); /* the compiler has said why */
    }
    free_words(&flags);
    free_words(&command);
    return status == STATUS_OK ? STATUS_OK : STATUS_FAILED;
}

int run_main(int argc, char **argv)
{
    bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    argv += verbose ? 2 : 1;
    argc -= verbose ? 2 : 1;
    if (argc < 1 || argv[0][0] == '-')
        return complain_usage(usage);
    char *source = NULL;
    size_t size = 0;
    struct entry *entry = get_memory(sizeof *entry);
    int status = read_source(argv[0], &source, &size);
    if (status == STATUS_OK)
        status = cache_open(make_key(argv[0], source, size), entry);
    if (status == STATUS_OK && !cache_has(entry))
        status = compile(argv[0], source, entry, verbose);
    if (status != STATUS_OK)
        return status;
    execv(entry->program, argv);
    return complain("%s: %s", entry->program, strerror(errno));
}
