/* SPDX-License-Identifier: MIT */
/*
 * server.h — a server from inside: what its life (server.c) and its work
 * (accept.c) share.
 */
#ifndef BIDE_SRC_IO_SERVER_H
#define BIDE_SRC_IO_SERVER_H

#include "io/listen.h"
#include "io/stream.h"

struct bide__listener {
    bide_server *server;
    bide_fd file;
    bide_op accept;
    bool accepting; /* the operation is in flight */
    int held;       /* accepted, beyond the maximum; or -1 */
};

/* In the frame of the task that serves it. */
struct bide__connection {
    struct bide__link link; /* of the server's */
    bide_stream *stream;
    bide_task *task;
};

struct bide_server {
    bide_loop *loop;
    struct bide__resource resource;
    bide_stream_handler *handler;
    void *arg;
    bide_server_options options; /* with the defaults filled in */
    struct bide__context *context; /* of who started it; handlers inherit it */
    struct bide__link connections;
    size_t open;      /* length of that */
    size_t in_flight; /* listeners that accept */
    bide_timer retry; /* when it is paused */
    bool paused;      /* there was a lack of something */
    bool reported;    /* and it was reported */
    bool stopped;     /* does not listen any more */
    bool closing;     /* and serves no connection that comes all the same */
    bool left_open;   /* the loop closes it: nobody waits */
    bide_task *waiter; /* in bide_server_wait(), or NULL */
    bide_task *closer; /* in bide_server_close(), or NULL */
    unsigned port;
    struct bide__socket_file file;
    size_t count;
    struct bide__listener listeners[];
};

/* Something has ended: close what has become idle, wake who waited for it.
 * May free the server. */
void bide__server_settle(bide_server *server);

/* There is room, or may be: serve what was held, then accept wherever that is
 * not under way already. */
void bide__server_resume(bide_server *server);

/* Ask the accepts in flight to end. */
void bide__server_cancel_accepting(bide_server *server);

#endif
