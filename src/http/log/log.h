/* SPDX-License-Identifier: MIT */
/*
 * log.h — access logs from inside.
 *
 *     log.c    lines that wait, and the thread that writes them
 *     line.c   what a line says
 */
#ifndef BIDE_SRC_HTTP_LOG_LOG_H
#define BIDE_SRC_HTTP_LOG_LOG_H

#include <bide/http_log.h>

/* Bytes of the longest line: each byte of a value may become six. */
#define BIDE__LOG_LINE_MAX 16384

/* ── log.c ────────────────────────────────────────────────────────────── */

/* A request is over. */
void bide__http_log_add(bide_http_log *log, const bide_http_request *request);

/* ── line.c ───────────────────────────────────────────────────────────── */

/* Write a line of at most BIDE__LOG_LINE_MAX bytes; returns its length. */
size_t bide__log_line_combined(const bide_http_request *request, char *line);
size_t bide__log_line_json(const bide_http_request *request, char *line);

#endif
