/* SPDX-License-Identifier: MIT */
/*
 * list.c — a directory as a page of links.
 *
 * Names are whatever bytes the file system has: they are escaped once for the
 * page and once more, by percent signs, for the link.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bide/path.h>

#include "http/files/files.h"

#define NAMES_MAX 10000 /* of one page; those beyond are left out */

#define ADD(bytes, text) bide__bytes_add(bytes, text, sizeof(text) - 1)

struct names {
    char **items;
    size_t count, room;
};

/* ── Collecting ───────────────────────────────────────────────────────── */

static int add_name(struct names *names, const bide_entry *entry)
{
    size_t len = strlen(entry->name);
    if (names->count == names->room) {
        size_t room = names->room ? names->room * 2 : 64;
        char **items = bide_reallocate(names->items, room * sizeof *items);
        if (!items)
            return -ENOMEM;
        names->items = items;
        names->room = room;
    }
    char *name = bide_allocate(len + 2);
    if (!name)
        return -ENOMEM;
    memcpy(name, entry->name, len);
    if (entry->type == BIDE_ENTRY_DIRECTORY)
        name[len++] = '/';
    name[len] = '\0';
    names->items[names->count++] = name;
    return 0;
}

static void free_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        bide_release(names->items[i]);
    bide_release(names->items);
}

static int compare(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

/* The descriptor leads to the directory that was checked, whatever its path
 * means by now. */
static int collect(struct names *names, int fd, bool hidden)
{
    char path[40];
    bide_scandir scandir;
    bide_entry entry;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int rc = bide_scandir_open(&scandir, path);
    if (rc < 0)
        return rc;
    while ((rc = bide_scandir_next(&scandir, &entry)) > 0) {
        if ((entry.name[0] == '.' && !hidden) || names->count == NAMES_MAX)
            continue;
        rc = add_name(names, &entry);
        if (rc < 0)
            break;
    }
    bide_scandir_close(&scandir);
    if (rc == 0 && names->count > 0)
        qsort(names->items, names->count, sizeof names->items[0], compare);
    return rc;
}

/* ── Writing ──────────────────────────────────────────────────────────── */

static int add_escaped(struct bide__bytes *page, const char *text)
{
    int rc = 0;
    for (; *text && rc == 0; text++) {
        if (*text == '<')
            rc = ADD(page, "&lt;");
        else if (*text == '&')
            rc = ADD(page, "&amp;");
        else if (*text == '"')
            rc = ADD(page, "&quot;");
        else
            rc = bide__bytes_add(page, text, 1);
    }
    return rc;
}

/* "./" keeps a name with a colon from being taken for a scheme. */
static int add_link(struct bide__bytes *page, const char *name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789-._~/";
    char code[4];
    int rc = ADD(page, "<li><a href=\"./");
    for (const char *at = name; *at && rc == 0; at++) {
        snprintf(code, sizeof code, "%%%02X", (unsigned char)*at);
        rc = strchr(plain, *at) ? bide__bytes_add(page, at, 1)
                                : bide__bytes_add(page, code, 3);
    }
    if (rc == 0)
        rc = ADD(page, "\">");
    if (rc == 0)
        rc = add_escaped(page, name);
    return rc == 0 ? ADD(page, "</a>\n") : rc;
}

static int write_page(struct bide__bytes *page, const struct names *names,
                      const char *path)
{
    const char *title = strcmp(path, ".") == 0 ? "" : path;
    int rc = ADD(page, "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>/");
    if (rc == 0)
        rc = add_escaped(page, title);
    if (rc == 0)
        rc = ADD(page, "</title>\n<h1>/");
    if (rc == 0)
        rc = add_escaped(page, title);
    if (rc == 0)
        rc = ADD(page, "</h1>\n<ul>\n");
    if (rc == 0 && *title)
        rc = ADD(page, "<li><a href=\"../\">../</a>\n");
    for (size_t i = 0; i < names->count && rc == 0; i++)
        rc = add_link(page, names->items[i]);
    return rc == 0 ? ADD(page, "</ul>\n") : rc;
}

int bide__http_reply_listing(bide_http_request *request,
                             const bide_http_files *files, int fd,
                             const char *path)
{
    struct names names = {.items = NULL};
    struct bide__bytes page = {.data = NULL};
    int rc = collect(&names, fd, files->hidden);
    close(fd);
    if (rc == 0)
        rc = write_page(&page, &names, path);
    if (rc == 0)
        rc = bide_http_reply(request, 200, "text/html; charset=utf-8",
                             page.data, page.len);
    free_names(&names);
    bide__bytes_free(&page);
    return rc;
}
