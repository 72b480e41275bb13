/* SPDX-License-Identifier: MIT */
/*
 * complain.c — lines on standard error, for misuse and for debug mode.
 *
 * Each is formatted on the stack and leaves by one write(2), so that threads
 * do not mix their lines and running out of memory can still be reported.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

static void write_line(const char *format, va_list args)
{
    static const char prefix[] = "bide: ";
    char line[512];
    memcpy(line, prefix, sizeof prefix);
    size_t used = sizeof prefix - 1;
    size_t room = sizeof line - used - 1; /* the line's end */
    int len = vsnprintf(line + used, room, format, args);
    if (len > 0)
        used += (size_t)len < room ? (size_t)len : room - 1;
    line[used++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written; /* there is nowhere left to complain */
}

void bide__complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(format, args);
    va_end(args);
}

void bide__die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(format, args);
    va_end(args);
    abort();
}
