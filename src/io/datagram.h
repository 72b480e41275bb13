/* SPDX-License-Identifier: MIT */
/*
 * datagram.h — sockets for datagrams from inside.
 *
 * datagram.c opens and closes, datagram_send.c and datagram_recv.c do what
 * their names say. A call that waits is listed, so that closing can end it,
 * and counts as a reference of the memory.
 */
#ifndef BIDE_SRC_IO_DATAGRAM_H
#define BIDE_SRC_IO_DATAGRAM_H

#include <bide/datagram.h>
#include <sys/socket.h>

#include "io/listen.h"
#include "task/task.h"

/* Bytes of the largest datagram, or of several that came in as one. */
#define BIDE__DATAGRAM_MAX 65536

/* Datagrams that came in as one and were not all handed out. */
struct bide__coalesced {
    char *data; /* BIDE__DATAGRAM_MAX bytes; NULL without the option */
    size_t begin, end;
    size_t segment; /* bytes of each but the last */
    struct sockaddr_storage from;
    socklen_t from_len;
};

struct bide_datagram {
    bide_loop *loop;
    struct bide__resource resource;
    bide_fd file;
    unsigned refs; /* the owner's, and one for each call in progress */
    bool closing;
    bool udp;            /* and not Unix */
    size_t segment_max;  /* longer ones cannot be sent as segments; 0: none */
    unsigned untried;    /* receives to come that wait without a try before */
    struct bide__link calls; /* struct bide__datagram_call, that wait */
    struct bide__coalesced coalesced;
    struct bide__socket_file socket_file;
};

/* A call that waits, in the frame of its task. */
struct bide__datagram_call {
    struct bide__link link;
    bide_op op;
    bool cancelled; /* its task was */
};

/* What such a call parks in. */
extern const struct bide__wait bide__datagram_recv_wait;
extern const struct bide__wait bide__datagram_send_wait;

/* Every call begins and ends so; between, the memory stays. Returns 0 or the
 * code to return. */
int bide__datagram_begin(bide_datagram *datagram, const char *function);
void bide__datagram_end(bide_datagram *datagram);

/* Await the call's operation, which was filled in. Returns its result; -EBADF
 * if the socket was closed meanwhile; -EAGAIN after a nudge. */
int64_t bide__datagram_await(bide_datagram *datagram,
                             struct bide__datagram_call *call,
                             const struct bide__wait *wait);

/* Have a call that waits look again. */
void bide__datagram_nudge(bide_datagram *datagram);

#endif
