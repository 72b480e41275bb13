/* SPDX-License-Identifier: MIT */
/*
 * datagrams.c — datagrams of UDP from one socket to another of the same
 * process: nanoseconds of processor time for each, sent and received.
 *
 *     datagrams singly|pong|many [count [bytes]]
 *
 * singly: 32 are sent, then 32 received. pong: one goes there and back, the
 * receivers wait. many: 32 by one call, and received by as few as it takes.
 */
#include "bench.h"

#include <arpa/inet.h>
#include <bide.h>
#include <netinet/in.h>

enum { BATCH = 32, BYTES_MAX = 1400 };

static char bytes[BYTES_MAX];
static char room[BATCH][BYTES_MAX];

struct run {
    const char *mode;
    long count;
    size_t len;
    bide_datagram *from, *to;
};

static int open_sockets(struct run *run)
{
    struct sockaddr_storage address;
    struct sockaddr_in in;
    bide_datagram_options options = {
        .local_host = "127.0.0.1",
        .coalesce = strcmp(run->mode, "many") == 0,
    };
    int rc = bide_datagram_open(&options, &run->to);
    if (rc < 0)
        return rc;
    rc = bide_datagram_sockname(run->to, &address);
    if (rc < 0)
        return rc;
    memcpy(&in, &address, sizeof in);
    options = (bide_datagram_options){
        .local_host = "127.0.0.1",
        .remote_host = "127.0.0.1",
        .remote_port = ntohs(in.sin_port),
    };
    return bide_datagram_open(&options, &run->from);
}

static int singly(struct run *run)
{
    for (long i = 0; i < run->count / BATCH; i++) {
        for (int j = 0; j < BATCH; j++) {
            int rc = bide_datagram_send(run->from, bytes, run->len);
            if (rc < 0)
                return rc;
        }
        for (int j = 0; j < BATCH; j++) {
            ssize_t n = bide_datagram_recv(run->to, room[0], BYTES_MAX);
            if (n < 0)
                return (int)n;
        }
    }
    return 0;
}

static int send_back(void *arg)
{
    struct run *run = arg;
    for (long i = 0; i < run->count / 2; i++) {
        struct sockaddr_storage address;
        size_t address_len;
        ssize_t n = bide_datagram_recvfrom(run->to, room[1], BYTES_MAX,
                                           &address, &address_len);
        if (n < 0)
            return (int)n;
        int rc = bide_datagram_sendto(run->to, room[1], (size_t)n, &address,
                                      address_len);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int pong(struct run *run)
{
    bide_task *other = bide_create_task(send_back, run);
    for (long i = 0; i < run->count / 2; i++) {
        int rc = bide_datagram_send(run->from, bytes, run->len);
        if (rc < 0)
            return rc;
        ssize_t n = bide_datagram_recv(run->from, room[0], BYTES_MAX);
        if (n < 0)
            return (int)n;
    }
    return bide_await(other);
}

static int many(struct run *run)
{
    bide_datagram_message out[BATCH], in[BATCH];
    for (int i = 0; i < BATCH; i++) {
        out[i] = (bide_datagram_message){.data = bytes, .len = run->len};
        in[i] = (bide_datagram_message){.data = room[i], .len = BYTES_MAX};
    }
    for (long i = 0; i < run->count / BATCH; i++) {
        int rc = bide_datagram_send_many(run->from, out, BATCH);
        for (int got = 0; rc > 0 && got < BATCH; got += rc)
            rc = bide_datagram_recv_many(run->to, in, BATCH);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int measure(void *arg)
{
    struct run *run = arg;
    int rc = open_sockets(run);
    if (rc < 0)
        return rc;
    int64_t begin = bench_cpu_ns();
    if (strcmp(run->mode, "singly") == 0)
        rc = singly(run);
    else if (strcmp(run->mode, "pong") == 0)
        rc = pong(run);
    else if (strcmp(run->mode, "many") == 0)
        rc = many(run);
    else
        rc = bide_raise(-EINVAL, "mode is '%s'", run->mode);
    double ns = (double)(bench_cpu_ns() - begin);
    if (rc >= 0)
        printf("ns=%.1f\n", ns / (double)run->count);
    bide_datagram_close(run->from);
    bide_datagram_close(run->to);
    return rc;
}

int main(int argc, char **argv)
{
    struct run run = {
        .mode = bench_word(argc, argv, 1, "singly"),
        .count = bench_arg(argc, argv, 2, BATCH, 1000000000, 500000),
        .len = (size_t)bench_arg(argc, argv, 3, 1, BYTES_MAX, 64),
    };
    run.count -= run.count % BATCH;
    int rc = bide_run(measure, &run);
    if (rc < 0)
        bench_die("%s", bide_errmsg(rc));
    return 0;
}
