/* SPDX-License-Identifier: MIT */
/*
 * cache.c — programs that `bide run` has compiled, so that the second run
 * begins at once.
 *
 * $XDG_CACHE_HOME/bide, or ~/.cache/bide, has two files for each:
 *
 *     KEY           the program; touched by each use
 *     KEY.inputs    the files that the compiler read, headers as well, each
 *                   with its time and size: "1718000000000000000 812 a.c"
 *
 * The key is made of the source and of the flags. A program is good if its
 * inputs are what they were. It is put in place by rename(2), so that two that
 * compile the same do not meet. Of the programs, the PROGRAMS_MAX used last
 * are kept.
 */
#include "cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAMS_MAX 64
#define FILES_MAX (4 * PROGRAMS_MAX) /* of the directory that are looked at */
#define KEY_LEN 16                   /* hexadecimal digits */
#define LEFT_OVER_SECONDS 3600 /* then a temporary file belongs to nobody */

uint64_t fnv(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ byte[i]) * UINT64_C(1099511628211);
    return hash;
}

/* ── The directory ────────────────────────────────────────────────────── */

static bool make_directory(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* Nobody else may put a program there that we would run. */
static int check_directory(const char *path)
{
    struct stat status;
    if (!make_directory(path) || stat(path, &status) < 0)
        return complain("%s: %s", path, strerror(errno));
    if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() ||
        (status.st_mode & 022))
        return complain("%s is no directory that only this user can write to",
                        path);
    return STATUS_OK;
}

static int find_directory(char path[PATH_MAX])
{
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    char parent[PATH_MAX];
    if (cache && *cache == '/')
        snprintf(parent, sizeof parent, "%s", cache);
    else if (home && *home == '/')
        snprintf(parent, sizeof parent, "%s/.cache", home);
    else
        return complain("there is no place for compiled programs: set HOME or "
                        "XDG_CACHE_HOME");
    if (!make_directory(parent))
        return complain("%s: %s", parent, strerror(errno));
    if ((size_t)snprintf(path, PATH_MAX, "%s/bide", parent) >= PATH_MAX - 64)
        return complain("the path of the cache is too long");
    return check_directory(path);
}

int cache_open(uint64_t key, struct entry *entry)
{
    char directory[PATH_MAX];
    int status = find_directory(directory);
    if (status != STATUS_OK)
        return status;
    int len = snprintf(entry->program, PATH_MAX, "%s/%016" PRIx64, directory,
                       key);
    snprintf(entry->inputs, PATH_MAX, "%.*s.inputs", len, entry->program);
    snprintf(entry->temporary, PATH_MAX, "%.*s.%d.tmp", len, entry->program,
             (int)getpid());
    snprintf(entry->rules, PATH_MAX, "%.*s.%d.d.tmp", len, entry->program,
             (int)getpid());
    clock_gettime(CLOCK_REALTIME, &entry->began);
    return STATUS_OK;
}

/* ── Inputs ───────────────────────────────────────────────────────────── */

/* A file as it is now; false if it is not there. */
static bool describe(const char *path, struct timespec *ret_time,
                     char text[64])
{
    struct stat status;
    if (stat(path, &status) < 0)
        return false;
    *ret_time = status.st_mtim;
    snprintf(text, 64, "%lld%09ld %lld", (long long)status.st_mtim.tv_sec,
             status.st_mtim.tv_nsec, (long long)status.st_size);
    return true;
}

static bool is_as_it_was(char *line)
{
    char now[64];
    struct timespec changed;
    line[strcspn(line, "\n")] = '\0';
    char *path = strchr(line, ' ');
    path = path ? strchr(path + 1, ' ') : NULL;
    if (!path)
        return false;
    *path++ = '\0';
    return describe(path, &changed, now) && strcmp(now, line) == 0;
}

bool cache_has(const struct entry *entry)
{
    FILE *file = fopen(entry->inputs, "r");
    if (!file)
        return false;
    char *line = NULL;
    size_t room = 0;
    bool good = access(entry->program, X_OK) == 0;
    while (good && getline(&line, &room, file) > 0)
        good = is_as_it_was(line);
    free(line);
    fclose(file);
    if (good)
        (void)utimensat(AT_FDCWD, entry->program, NULL, 0);
    return good;
}

/* The next word of a rule as make(1) reads it; false at the end. Words are
 * separated by spaces and by a backslash at the end of a line; a backslash
 * before a space makes it part of the word. */
static bool next_word(FILE *file, char word[PATH_MAX])
{
    size_t len = 0;
    int byte;
    while ((byte = getc(file)) != EOF) {
        bool special = false;
        if (byte == '\\') {
            byte = getc(file);
            special = byte != '\n';
            if (special && byte != ' ' && byte != '#' && byte != '\\') {
                ungetc(byte, file);
                byte = '\\';
            }
        }
        bool space = !special && (byte == ' ' || byte == '\n');
        if (space && len > 0)
            break;
        if (!space && len < PATH_MAX - 1)
            word[len++] = (char)byte;
    }
    word[len] = '\0';
    return len > 0;
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec ||
           (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* Write what the compiler has read, and how it was. What has changed while it
 * was read is noted as what it can never be, and compiled again next time. */
static bool note_inputs(const struct entry *entry, FILE *rules, FILE *inputs)
{
    char word[PATH_MAX], whole[PATH_MAX], text[64];
    struct timespec changed;
    bool target = true; /* the first word, which ends in a colon */
    while (next_word(rules, word)) {
        if (!target && realpath(word, whole) &&
            describe(whole, &changed, text))
            fprintf(inputs, "%s %s\n",
                    is_before(&changed, &entry->began) ? text : "0 -1",
                    whole);
        target = false;
    }
    return !ferror(rules) && fflush(inputs) == 0;
}

/* ── Keeping the cache small ──────────────────────────────────────────── */

struct file {
    char path[PATH_MAX];
    time_t used;
};

static int by_use(const void *left, const void *right)
{
    const struct file *a = left, *b = right;
    return (a->used < b->used) - (a->used > b->used);
}

static void remove_program(const char *path)
{
    char inputs[PATH_MAX + 8];
    snprintf(inputs, sizeof inputs, "%s.inputs", path);
    (void)unlink(inputs);
    (void)unlink(path);
}

/* Programs, and what runs that were killed have left behind. */
static size_t list(const char *directory, struct file *files)
{
    DIR *dir = opendir(directory);
    size_t count = 0;
    struct dirent *entry;
    while (dir && count < FILES_MAX && (entry = readdir(dir))) {
        struct stat status;
        struct file *file = &files[count];
        const char *name = entry->d_name;
        bool temporary = strstr(name, ".tmp") != NULL;
        if ((strlen(name) != KEY_LEN && !temporary) ||
            (size_t)snprintf(file->path, PATH_MAX, "%s/%s", directory, name) >=
                PATH_MAX ||
            stat(file->path, &status) < 0)
            continue;
        file->used = status.st_mtime;
        if (!temporary)
            count++;
        else if (time(NULL) - status.st_mtime > LEFT_OVER_SECONDS)
            (void)unlink(file->path);
    }
    if (dir)
        closedir(dir);
    return count;
}

static void prune(const struct entry *entry)
{
    char directory[PATH_MAX];
    snprintf(directory, sizeof directory, "%s", entry->program);
    *strrchr(directory, '/') = '\0';
    struct file *files = get_memory(FILES_MAX * sizeof *files);
    size_t count = list(directory, files);
    qsort(files, count, sizeof *files, by_use);
    for (size_t i = PROGRAMS_MAX; i < count; i++)
        remove_program(files[i].path);
    free(files);
}

/* ── Putting in ───────────────────────────────────────────────────────── */

int cache_put(const struct entry *entry)
{
    FILE *rules = fopen(entry->rules, "r");
    /* A name of our own until it is whole; the rules are read meanwhile. */
    char inputs[PATH_MAX + 8];
    snprintf(inputs, sizeof inputs, "%s.in", entry->temporary);
    FILE *file = fopen(inputs, "w");
    bool good = rules && file && note_inputs(entry, rules, file) &&
                rename(entry->temporary, entry->program) == 0 &&
                rename(inputs, entry->inputs) == 0;
    int error = errno;
    if (rules)
        fclose(rules);
    if (file)
        fclose(file);
    (void)unlink(inputs);
    cache_drop(entry);
    if (!good)
        return complain("%s: %s", entry->program, strerror(error));
    prune(entry);
    return STATUS_OK;
}

void cache_drop(const struct entry *entry)
{
    (void)unlink(entry->temporary);
    (void)unlink(entry->rules);
}
