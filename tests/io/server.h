/* SPDX-License-Identifier: MIT */
/* server.h — what the tests of servers share. */
#ifndef BIDE_TESTS_IO_SERVER_H
#define BIDE_TESTS_IO_SERVER_H

#include <bide.h>
#include <stdio.h>

#include "net.h"

/* ── Reports ──────────────────────────────────────────────────────────── */

static struct {
    int count;
    int code;
    char text[512];
} reports;

static inline void note_report(const bide_report *report, void *data)
{
    (void)data;
    reports.count++;
    reports.code = report->code;
    snprintf(reports.text, sizeof reports.text, "%s", report->text);
}

static inline void watch_reports(void)
{
    memset(&reports, 0, sizeof reports);
    bide_set_exception_handler(bide_loop_current(), note_report, NULL);
}

/* ── Servers and clients ──────────────────────────────────────────────── */

static inline bide_server *start(bide_stream_handler *handler, void *arg)
{
    bide_server *server = NULL;
    CHECK_OK(bide_start_server("127.0.0.1", 0, handler, arg, NULL, &server));
    return server;
}

static inline int connect_to(const bide_server *server,
                             bide_stream **ret_stream)
{
    return bide_open_connection("127.0.0.1", bide_server_port(server), NULL,
                                ret_stream);
}

/* Connect and read one byte: returns 1, 0 at the end, or a negative code. */
static inline int read_end(const bide_server *server)
{
    bide_stream *stream;
    char byte;
    int rc = connect_to(server, &stream);
    if (rc < 0)
        return rc;
    rc = (int)bide_stream_read(stream, &byte, 1);
    bide_stream_close(stream);
    return rc;
}

/* Let the loop turn until so many connections are open. */
static inline void await_connections(const bide_server *server,
                                     size_t count)
{
    while (bide_server_connections(server) != count)
        CHECK_OK(bide_sleep(0));
}

#endif
