/* SPDX-License-Identifier: MIT */
/*
 * new.c — `bide new DIRECTORY`: write a small project that builds and passes.
 *
 * Its files are those of template/, with the directory's name in the place of
 * @NAME@. Nothing that exists is touched: the directory must be empty, and
 * every file is created anew.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "template.h"

#define NAME_MAX_LEN 64
#define MARK "@NAME@"

static const char usage[] = "bide new DIRECTORY";

/* ── The directory ────────────────────────────────────────────────────── */

static int require_empty(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        return complain("%s: %s", path, strerror(errno));
    int status = STATUS_OK;
    struct dirent *entry;
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 &&
            strcmp(entry->d_name, "..") != 0)
            status = STATUS_FAILED;
    closedir(dir);
    if (status != STATUS_OK)
        complain("%s is not empty; name a directory that is, or that is not "
                 "there yet",
                 path);
    return status;
}

static int make_directory(const char *path)
{
    if (mkdir(path, 0777) == 0)
        return STATUS_OK;
    if (errno == EEXIST)
        return require_empty(path);
    return complain("%s: %s", path, strerror(errno));
}

/* The directory's own name, with '-' for what meson would not have in that of
 * a program. */
static int project_name(const char *path, char name[NAME_MAX_LEN + 1])
{
    char whole[PATH_MAX];
    if (!realpath(path, whole))
        return complain("%s: %s", path, strerror(errno));
    const char *base = strrchr(whole, '/') + 1;
    size_t len = strlen(base);
    if (len == 0 || len > NAME_MAX_LEN)
        return complain("the name of %s has %zu characters, must have 1 to %d",
                        whole, len, NAME_MAX_LEN);
    for (size_t i = 0; i <= len; i++) {
        bool kept = !base[i] || isalnum((unsigned char)base[i]) ||
                    base[i] == '_';
        name[i] = kept ? base[i] : '-';
    }
    if (name[0] == '-')
        name[0] = '_'; /* else commands would take it for an option */
    return STATUS_OK;
}

/* ── The files ────────────────────────────────────────────────────────── */

static void write_text(FILE *file, const char *text, const char *name)
{
    for (const char *mark; (mark = strstr(text, MARK));
         text = mark + strlen(MARK)) {
        fwrite(text, 1, (size_t)(mark - text), file);
        fputs(name, file);
    }
    fputs(text, file);
}

static int write_file(const char *directory, const struct template *template,
                      const char *name)
{
    char path[PATH_MAX];
    bool hidden = strcmp(template->path, "gitignore") == 0;
    if ((size_t)snprintf(path, sizeof path, "%s/%s%s", directory,
                         hidden ? "." : "", template->path) >= sizeof path)
        return complain("the path of the directory is too long");
    char *slash = strrchr(path, '/');
    *slash = '\0';
    if (mkdir(path, 0777) < 0 && errno != EEXIST)
        return complain("%s: %s", path, strerror(errno));
    *slash = '/';
    FILE *file = fopen(path, "wx");
    if (!file)
        return complain("%s: %s", path, strerror(errno));
    write_text(file, template->text, name);
    bool good = !ferror(file);
    if (fclose(file) != 0 || !good)
        return complain("%s: %s", path, strerror(errno));
    return STATUS_OK;
}

int new_main(int argc, char **argv)
{
    char name[NAME_MAX_LEN + 1];
    if (argc != 2 || argv[1][0] == '-' || !argv[1][0])
        return complain_usage(usage);
    const char *directory = argv[1];
    const char *quote = strpbrk(directory, " \t\"*?$;&|<>()\\") ? "'" : "";
    int status = make_directory(directory);
    if (status == STATUS_OK)
        status = project_name(directory, name);
    for (const struct template *template = templates;
         status == STATUS_OK && template->path; template++)
        status = write_file(directory, template, name);
    if (status == STATUS_OK)
        printf("%s is ready:\n\n"
               "    cd %s%s%s\n"
               "    meson setup build\n"
               "    meson compile -C build\n"
               "    meson test -C build\n"
               "    build/%s\n",
               name, quote, directory, quote, name);
    return status;
}
