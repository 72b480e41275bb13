/* SPDX-License-Identifier: MIT */
/*
 * place.c — finding the sockets of programs that can be looked at.
 *
 * A program decides by its own environment where its socket lies, so that is
 * what is asked first, by /proc/PID/environ; then our own, which is likely the
 * same:
 *
 *     BIDE_INSPECT if it is a path, $XDG_RUNTIME_DIR/bide, /tmp/bide-UID
 *
 * A socket's name is the number of the process, and -2, -3 … for its further
 * loops.
 */
#include "place.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

#define ENVIRONMENT_MAX ((size_t)1 << 20) /* bytes that are looked through */

/* ── Directories ──────────────────────────────────────────────────────── */

/* All sockets of one directory; of one process unless pid is 0. */
static void search(const char *directory, pid_t pid, struct places *places)
{
    DIR *dir = opendir(directory);
    if (!dir)
        return;
    struct dirent *entry;
    while (places->count < PLACES_MAX && (entry = readdir(dir))) {
        char *end;
        long number = strtol(entry->d_name, &end, 10);
        if (number <= 0 || (*end != '\0' && *end != '-') ||
            (pid && number != pid))
            continue;
        struct place *place = &places->found[places->count];
        int len = snprintf(place->path, sizeof place->path, "%s/%s",
                           directory, entry->d_name);
        struct stat status;
        if ((size_t)len >= sizeof place->path ||
            stat(place->path, &status) < 0 || !S_ISSOCK(status.st_mode))
            continue;
        place->pid = (pid_t)number;
        places->count++;
    }
    closedir(dir);
}

/* Where a program with these variables has its socket. */
static void search_for(const char *wish, const char *runtime, uid_t user,
                       pid_t pid, struct places *places)
{
    char directory[PATH_ROOM];
    if (wish && *wish == '/') {
        search(wish, pid, places);
        return;
    }
    if (runtime && *runtime == '/')
        snprintf(directory, sizeof directory, "%s/bide", runtime);
    else
        snprintf(directory, sizeof directory, "/tmp/bide-%u", (unsigned)user);
    search(directory, pid, places);
}

static void search_for_us(pid_t pid, struct places *places)
{
    search_for(getenv("BIDE_INSPECT"), getenv("XDG_RUNTIME_DIR"), geteuid(),
               pid, places);
}

/* ── The process's own environment ────────────────────────────────────── */

/* Its variables, each ended by NUL and all of them by one more; NULL if they
 * may not be read. */
static char *read_environment(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return NULL;
    char *text = get_memory(ENVIRONMENT_MAX + 2);
    size_t len = fread(text, 1, ENVIRONMENT_MAX, file);
    fclose(file);
    text[len] = '\0';
    text[len + 1] = '\0';
    return text;
}

static const char *variable(const char *environment, const char *name)
{
    size_t len = strlen(name);
    for (; *environment; environment += strlen(environment) + 1)
        if (strncmp(environment, name, len) == 0 && environment[len] == '=')
            return environment + len + 1;
    return NULL;
}

static uid_t owner_of(pid_t pid)
{
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    return stat(path, &status) == 0 ? status.st_uid : geteuid();
}

static void search_for_them(pid_t pid, struct places *places)
{
    char *environment = read_environment(pid);
    if (!environment)
        return;
    search_for(variable(environment, "BIDE_INSPECT"),
               variable(environment, "XDG_RUNTIME_DIR"), owner_of(pid), pid,
               places);
    free(environment);
}

/* ── For the commands ─────────────────────────────────────────────────── */

static bool is_number(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && digits < 10 && text[digits] == '\0';
}

static int place_of_path(const char *path, struct places *places)
{
    struct place *place = &places->found[0];
    if (strlen(path) >= sizeof place->path)
        return complain("'%s' is too long for the path of a socket", path);
    snprintf(place->path, sizeof place->path, "%s", path);
    place->pid = 0;
    places->count = 1;
    return STATUS_OK;
}

int places_of(const char *target, struct places *places)
{
    places->count = 0;
    if (strchr(target, '/'))
        return place_of_path(target, places);
    if (!is_number(target) || atoi(target) <= 0)
        return complain("'%s' is no number of a process, nor the path of a "
                        "socket",
                        target);
    pid_t pid = atoi(target);
    if (kill(pid, 0) < 0 && errno == ESRCH)
        return complain("there is no process %d", (int)pid);
    search_for_them(pid, places);
    if (places->count == 0)
        search_for_us(pid, places);
    if (places->count > 0)
        return STATUS_OK;
    return complain("process %d cannot be looked at: start it with "
                    "BIDE_INSPECT=1, or have it call bide_inspect_open()",
                    (int)pid);
}

void places_of_all(struct places *places)
{
    places->count = 0;
    search_for_us(0, places);
}
