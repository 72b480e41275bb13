/* SPDX-License-Identifier: MIT */
/*
 * line.c — what a line of the access log says.
 *
 * Values come from anybody: what is not printable, and quotes, are written by
 * their numbers, and no value gets longer than VALUE_MAX bytes before that.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "http/log/log.h"
#include "http/server/server.h"

#define VALUE_MAX 800
#define ADDRESS_MAX 128

/* ── Parts ────────────────────────────────────────────────────────────── */

static const char *address_of(const bide_http_request *request, char *buf)
{
    struct sockaddr_storage address;
    int len = bide_stream_peername(request->stream, &address);
    if (len <= 0)
        return "-";
    bide_address_text(&address, (size_t)len, buf, ADDRESS_MAX);
    /* A Unix socket's name may be what a whole line looks like. */
    for (char *at = buf; *at; at++)
        if (*at == ' ' || *at == '"')
            *at = '?';
    char *port = strrchr(buf, ':');
    if (port && address.ss_family != AF_UNIX)
        *port = '\0';
    return *buf ? buf : "-";
}

static double seconds_of(const bide_http_request *request)
{
    double begun = request->deadline -
                   request->server->options.request_timeout;
    double seconds = bide_time() - begun;
    return request->deadline > 0 && seconds > 0 ? seconds : 0;
}

static const char *version_of(const bide_http_request *request)
{
    return request->version == 20   ? "2.0"
           : request->version == 10 ? "1.0"
                                    : "1.1";
}

/* Returns behind what was written. */
static char *add_value(char *to, const char *value, const char *format)
{
    for (size_t i = 0; value && value[i]; i++) {
        unsigned char c = (unsigned char)value[i];
        if (i == VALUE_MAX)
            return stpcpy(to, "...");
        if (c < ' ' || c >= 0x7f || c == '"' || c == '\\')
            to += sprintf(to, format, c);
        else
            *to++ = (char)c;
    }
    return to;
}

/* ── The combined format ──────────────────────────────────────────────── */

/* strftime(3) would speak the language of the program's locale. */
static const char *time_text(void)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static _Thread_local char text[64];
    static _Thread_local time_t made = -1;
    time_t now = time(NULL);
    struct tm tm;
    if (now == made)
        return text;
    gmtime_r(&now, &tm);
    snprintf(text, sizeof text, "%02d/%.3s/%04d:%02d:%02d:%02d +0000",
             tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900,
             tm.tm_hour, tm.tm_min, tm.tm_sec);
    made = now;
    return text;
}

static char *add_quoted(char *to, const char *value)
{
    *to++ = '"';
    to = value && *value ? add_value(to, value, "\\x%02x") : stpcpy(to, "-");
    return stpcpy(to, "\" ");
}

size_t bide__log_line_combined(const bide_http_request *request, char *line)
{
    char address[ADDRESS_MAX];
    char *to = line;
    to += sprintf(to, "%s - - [%s] \"", address_of(request, address),
                  time_text());
    if (request->method && request->target) {
        to = add_value(to, request->method, "\\x%02x");
        *to++ = ' ';
        to = add_value(to, request->target, "\\x%02x");
        to += sprintf(to, " HTTP/%s", version_of(request));
    } else {
        *to++ = '-'; /* it was refused before it was understood */
    }
    to += sprintf(to, "\" %d %llu ", request->status,
                  (unsigned long long)request->sent);
    to = add_quoted(to, bide_http_request_header(request, "Referer"));
    to = add_quoted(to, bide_http_request_header(request, "User-Agent"));
    to += sprintf(to, "%.6f\n", seconds_of(request));
    return (size_t)(to - line);
}

/* ── JSON ─────────────────────────────────────────────────────────────── */

static char *add_member(char *to, const char *name, const char *value)
{
    if (!value)
        return to;
    to += sprintf(to, ",\"%s\":\"", name);
    to = add_value(to, value, "\\u%04x");
    *to++ = '"';
    return to;
}

size_t bide__log_line_json(const bide_http_request *request, char *line)
{
    char address[ADDRESS_MAX];
    struct timespec now;
    struct tm tm;
    char *to = line;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    to += sprintf(to, "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ\"",
                  tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                  tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000);
    to = add_member(to, "client", address_of(request, address));
    to = add_member(to, "method", request->method);
    to = add_member(to, "target", request->target);
    to = add_member(to, "version", version_of(request));
    to += sprintf(to, ",\"status\":%d,\"bytes\":%llu,\"seconds\":%.6f",
                  request->status, (unsigned long long)request->sent,
                  seconds_of(request));
    to = add_member(to, "referer",
                    bide_http_request_header(request, "Referer"));
    to = add_member(to, "agent",
                    bide_http_request_header(request, "User-Agent"));
    to = stpcpy(to, "}\n");
    return (size_t)(to - line);
}
