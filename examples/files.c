/* SPDX-License-Identifier: MIT */
/*
 * files.c — whole files in one call, and a log that is appended to and read
 * line by line. Try to write to a directory that is not there.
 */
#include <bide.h>
#include <stdio.h>
#include <stdlib.h>

static int read_log(bide_file *log)
{
    char line[80];
    ssize_t n;
    int64_t at = bide_file_seek(log, 0, SEEK_SET);
    if (at < 0)
        return (int)at;
    while ((n = bide_file_readline(log, line, sizeof line)) > 0)
        printf("log: %s", line);
    return (int)n;
}

static int keep_log(const char *path)
{
    static const char text[] = "begun\nended\n";
    bide_file *log;
    int rc = bide_file_open(path, "a+", &log);
    if (rc < 0)
        return rc;
    ssize_t n = bide_file_write(log, text, sizeof text - 1);
    rc = n < 0 ? (int)n : read_log(log);
    int closed = bide_file_close(log); /* tells of errors, too */
    return rc < 0 ? rc : closed;
}

static int amain(void *arg)
{
    char *text = NULL;
    size_t len = 0;
    (void)arg;
    int rc = bide_write_file_atomic("motto", "festina lente", 13);
    if (rc == 0)
        rc = bide_read_file("motto", &text, &len);
    if (rc < 0)
        return rc;
    printf("%zu bytes: %s\n", len, text);
    free(text);
    rc = keep_log("log");
    int removed = bide_unlink("motto");
    int removed_too = bide_unlink("log");
    return rc < 0 ? rc : removed < 0 ? removed : removed_too;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}
