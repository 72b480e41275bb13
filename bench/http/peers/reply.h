/* SPDX-License-Identifier: MIT */
/*
 * reply.h — what the servers by hand have in common: one answer, many times in
 * a row, and finding out how many are wanted.
 *
 * They understand nothing of a request but its end. The Date is made anew once
 * a second, as one that is correct has to.
 */
#ifndef BIDE_BENCH_HTTP_REPLY_H
#define BIDE_BENCH_HTTP_REPLY_H

#include "../../bench.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REPLIES = 64, REPLY_MAX = 160 };

/* Two of them in turn: what is being sent is not written over. */
static char reply_texts[2][REPLIES * REPLY_MAX];
static char *reply_text;
static size_t reply_len; /* of one */

static inline void reply_refresh(void)
{
    static time_t made;
    static unsigned turn;
    char one[REPLY_MAX], date[64];
    struct tm tm;
    time_t now = time(NULL);
    if (now == made)
        return;
    made = now;
    gmtime_r(&now, &tm);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    reply_len = (size_t)snprintf(one, sizeof one,
                                 "HTTP/1.1 200 OK\r\nDate: %s\r\n"
                                 "Content-Type: text/plain\r\n"
                                 "Content-Length: 13\r\n\r\nHello, World!",
                                 date);
    reply_text = reply_texts[turn++ % 2];
    for (size_t i = 0; i < REPLIES; i++)
        memcpy(reply_text + i * reply_len, one, reply_len);
}

/* How many requests end in these bytes; `matched` are the bytes of the empty
 * line that were there at the end of those before. */
static inline unsigned count_requests(const char *data, size_t len,
                                      unsigned *matched)
{
    unsigned count = 0;
    for (size_t i = 0; i < len; i++) {
        if (*matched == 0) { /* quickly to the next line's end */
            const char *cr = memchr(data + i, '\r', len - i);
            if (!cr)
                return count;
            i = (size_t)(cr - data);
        }
        if (data[i] == "\r\n\r\n"[*matched])
            ++*matched;
        else
            *matched = data[i] == '\r';
        if (*matched == 4) {
            *matched = 0;
            count++;
        }
    }
    return count;
}

static inline int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)port)};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 ||
        listen(fd, 4096) < 0)
        bench_die("listen: %s", strerror(errno));
    return fd;
}

#endif
