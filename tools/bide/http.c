/* SPDX-License-Identifier: MIT */
/*
 * http.c — `bide http`: fetch many URLs at the same time.
 *
 *     urls ──► at most --limit tasks ──► files, or one line each
 *                        └► bars, on a terminal: what is under way, and all
 *
 * A fetch that fails in a way that may pass (no connection, a timeout, a
 * status of 429 or 5xx) is tried again, after 0.5 s, 1 s, 2 s and so on. A
 * file has its name once it is complete; before that, ".part" is behind it.
 */
#include <bide.h>
#include <bide/http.h>
#include <bide/tls.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "fetch.h"

static const char usage[] =
    "bide http [--limit N] [--retries N] [--timeout SECONDS] [-o DIRECTORY]\n"
    "                 [-i FILE] URL...";

/* ── One URL ──────────────────────────────────────────────────────────── */

static int copy_body(struct fetch *fetch, bide_http_response *response,
                     bide_file *file)
{
    char *buf = get_memory(PIECE);
    int64_t length = bide_http_response_length(response);
    ssize_t n;
    fetch->length = length > 0 ? (uint64_t)length : 0;
    fetch->got = 0;
    while ((n = bide_http_response_read(response, buf, PIECE)) > 0) {
        fetch->got += (uint64_t)n;
        if (file) {
            ssize_t written = bide_file_write(file, buf, (size_t)n);
            if (written < 0) {
                n = written;
                break;
            }
        }
    }
    free(buf);
    return (int)n;
}

static int save_body(struct fetch *fetch, bide_http_response *response)
{
    char part[PATH_SIZE + 8];
    bide_file *file;
    snprintf(part, sizeof part, "%s.part", fetch->path);
    int rc = bide_file_open(part, "w", &file);
    if (rc < 0)
        return rc;
    rc = copy_body(fetch, response, file);
    int closed = bide_file_close(file);
    rc = rc < 0 ? rc : closed;
    if (rc == 0 && rename(part, fetch->path) < 0)
        rc = bide_raise(-errno, "renaming '%.80s': %s", part,
                        bide_strerror(-errno));
    if (rc < 0)
        (void)unlink(part);
    return rc;
}

static int try_once(struct fetch *fetch)
{
    const struct job *job = fetch->job;
    const bide_http_fetch_options options = {.timeout = job->timeout};
    bide_http_response *response;
    int rc = bide_http_fetch(job->http, "GET", fetch->url, &options,
                             &response);
    if (rc < 0)
        return rc;
    fetch->status = bide_http_response_status(response);
    if (fetch->status < 400 && job->directory)
        rc = save_body(fetch, response);
    else
        rc = copy_body(fetch, response, NULL);
    bide_http_response_close(response);
    return rc;
}

/* Whether another time may be better. */
static bool may_pass(const struct fetch *fetch, int rc)
{
    if (rc == 0)
        return fetch->status == 429 || fetch->status >= 500;
    return rc != -EINVAL && rc != -ENOTSUP && rc != -ECANCELED &&
           rc != -ENOSPC && rc != -EACCES && rc != -ELOOP &&
           rc != BIDE_E_TLS_CERTIFICATE && rc != BIDE_E_DNS_NOT_FOUND;
}

static int fetch_one(void *arg)
{
    struct fetch *fetch = arg;
    struct job *job = fetch->job;
    double pause = FIRST_PAUSE;
    int rc = bide_semaphore_acquire(&job->slots);
    if (rc < 0)
        return rc;
    fetch->state = FETCH_RUNNING;
    fetch->begun = bide_time();
    for (unsigned tried = 0;; tried++) {
        fetch->status = 0;
        rc = try_once(fetch);
        if (tried >= job->retries || !may_pass(fetch, rc))
            break;
        fetch->retried++;
        rc = bide_sleep(pause);
        if (rc < 0)
            break;
        pause = pause * 2 < LONGEST_PAUSE ? pause * 2 : LONGEST_PAUSE;
    }
    fetch->seconds = bide_time() - fetch->begun;
    fetch->rc = rc;
    fetch->state = FETCH_ENDED;
    bide_semaphore_release(&job->slots);
    bars_report(job, fetch);
    return rc == -ECANCELED ? rc : 0;
}

/* ── All of them ──────────────────────────────────────────────────────── */

static int fetch_all(struct job *job)
{
    bide_task **tasks = get_memory(job->count * sizeof *tasks);
    bide_task *bars = bide_create_task(bars_draw, job);
    for (size_t i = 0; i < job->count; i++)
        tasks[i] = bide_create_task(fetch_one, &job->fetches[i]);
    int rc = bide_gather(tasks, job->count);
    (void)bide_task_cancel(bars);
    int drawn = bide_await(bars);
    free(tasks);
    return rc < 0 || drawn == -ECANCELED ? rc : drawn;
}

/* Whom to trust is read only where it is needed: it takes a while. */
static bool needs_tls(const struct job *job)
{
    for (size_t i = 0; i < job->count; i++)
        if (strncmp(job->fetches[i].url, "https:", 6) == 0)
            return true;
    return false;
}

static int amain(void *arg)
{
    struct job *job = arg;
    bide_tls_context *tls = NULL;
    int rc = needs_tls(job) ? bide_tls_open_client(NULL, &tls) : 0;
    if (rc < 0)
        return rc;
    const bide_http_session_options options = {
        .connections = job->limit,
        .tls = tls,
    };
    rc = bide_http_session_open(&options, &job->http);
    if (rc == 0) {
        bide_semaphore_init(&job->slots, job->limit);
        rc = fetch_all(job);
        bide_http_session_close(job->http);
    }
    bide_tls_close(tls);
    return rc;
}

static int run(struct job *job)
{
    int rc = bide_run(amain, job);
    size_t failed = 0;
    bars_end(job);
    for (size_t i = 0; i < job->count; i++)
        failed += job->fetches[i].rc < 0 || job->fetches[i].status >= 400;
    if (rc < 0)
        return complain("%s", rc == -EINTR ? "interrupted" : bide_errmsg(rc));
    return failed > 0 ? STATUS_FAILED : STATUS_OK;
}

/* ── What is wanted ───────────────────────────────────────────────────── */

static bool is_taken(const struct job *job, const char *path)
{
    for (size_t i = 0; i < job->count; i++)
        if (strcmp(job->fetches[i].path, path) == 0)
            return true;
    return false;
}

/* The last part of the URL's path, in characters that no file system minds;
 * with a number if another one has it. */
static void choose_path(const struct job *job, struct fetch *fetch)
{
    char name[NAME_SIZE];
    const char *path = strstr(fetch->url, "://");
    path = path ? strchr(path + 3, '/') : NULL;
    path = path ? path : "/";
    size_t len = strcspn(path, "?#");
    size_t begin = len;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    size_t size = 0;
    for (size_t i = begin; i < len && size < NAME_SIZE - 1; i++)
        name[size++] = strchr("%:\\*\"<>|", path[i]) ? '_' : path[i];
    name[size] = '\0';
    if (size == 0 || name[0] == '.')
        strcpy(name, "index.html");
    snprintf(fetch->path, sizeof fetch->path, "%s/%s", job->directory, name);
    for (unsigned i = 1; is_taken(job, fetch->path); i++)
        snprintf(fetch->path, sizeof fetch->path, "%s/%u-%s", job->directory,
                 i, name);
}

static void add_url(struct job *job, const char *url)
{
    if (job->count == job->room) {
        job->room = job->room ? job->room * 2 : 64;
        job->fetches = more_memory(job->fetches,
                                   job->room * sizeof *job->fetches);
    }
    struct fetch *fetch = &job->fetches[job->count];
    memset(fetch, 0, sizeof *fetch);
    fetch->job = job;
    fetch->url = copy_text(url);
    if (job->directory)
        choose_path(job, fetch);
    job->count++;
}

/* A URL a line; empty lines and those that begin with '#' are left out. */
static int add_file(struct job *job, const char *path)
{
    char line[8192];
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (!file)
        return complain("%s: %s", path, strerror(errno));
    while (fgets(line, sizeof line, file)) {
        char *at = line + strspn(line, " \t");
        at[strcspn(at, " \t\r\n")] = '\0';
        if (*at && *at != '#')
            add_url(job, at);
    }
    if (file != stdin)
        fclose(file);
    return STATUS_OK;
}

static bool read_number(const char *text, unsigned least, unsigned most,
                        unsigned *ret_number)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (end == text || *end || *text == '-' || number < least ||
        number > most)
        return false;
    *ret_number = (unsigned)number;
    return true;
}

static bool read_seconds(const char *text, double *ret_seconds)
{
    char *end;
    *ret_seconds = strtod(text, &end);
    return end != text && !*end && *ret_seconds > 0 && *ret_seconds <= 86400;
}

/* Returns -1 if the URLs follow, else a status. */
static int read_options(struct job *job, const char **ret_list, int argc,
                        char **argv)
{
    static const struct option names[] = {
        {"input", required_argument, NULL, 'i'},
        {"limit", required_argument, NULL, 'l'},
        {"output", required_argument, NULL, 'o'},
        {"retries", required_argument, NULL, 'r'},
        {"timeout", required_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    int option;
    bool good = true;
    while ((option = getopt_long(argc, argv, "i:l:o:r:t:", names, NULL)) >=
           0) {
        if (option == 'l')
            good &= read_number(optarg, 1, 10000, &job->limit);
        else if (option == 'r')
            good &= read_number(optarg, 0, 100, &job->retries);
        else if (option == 't')
            good &= read_seconds(optarg, &job->timeout);
        else if (option == 'o')
            job->directory = optarg;
        else if (option == 'i')
            *ret_list = optarg;
        else
            good = false;
    }
    return good && (optind < argc || *ret_list) ? -1 : complain_usage(usage);
}

int http_main(int argc, char **argv)
{
    static struct job job = {.limit = 10, .retries = 2, .timeout = 300};
    const char *list = NULL;
    int status = read_options(&job, &list, argc, argv);
    if (status >= 0)
        return status;
    if (job.directory && mkdir(job.directory, 0777) < 0 && errno != EEXIST)
        return complain("%s: %s", job.directory, strerror(errno));
    if (list && (status = add_file(&job, list)) != STATUS_OK)
        return status;
    for (int i = optind; i < argc; i++)
        add_url(&job, argv[i]);
    bars_begin(&job);
    status = run(&job);
    for (size_t i = 0; i < job.count; i++)
        free(job.fetches[i].url);
    free(job.fetches);
    return status;
}
