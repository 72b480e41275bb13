/* SPDX-License-Identifier: MIT */
/* listen.h — making sockets that listen. */
#ifndef BIDE_SRC_IO_LISTEN_H
#define BIDE_SRC_IO_LISTEN_H

#include <sys/un.h>

#include "io/address.h"
#include "io/stream.h"

/* Addresses that one server listens on, at most. */
#define BIDE__LISTENERS_MAX 64

/* The file of a Unix socket, to be removed if it is still the same. */
struct bide__socket_file {
    dev_t device;
    ino_t inode;
    char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)]; /* or "" */
};

/*
 * Listen on every address of a list. With port 0 all share the one that the
 * system chose for the first. Addresses that this machine lacks are left out
 * if there are others. Fills fds, which has room for BIDE__LISTENERS_MAX.
 * Returns how many, or a negative code with a message and nothing listens.
 */
int bide__listen_tcp(const struct addrinfo *list,
                     const bide_server_options *options, int *fds);

/*
 * Listen on a Unix socket; a file that nobody listens on is replaced. Returns
 * the descriptor, or a negative code with a message.
 */
int bide__listen_unix(const char *path, const bide_server_options *options,
                      struct bide__socket_file *ret_file);

/*
 * Bind a Unix socket of the type that address->info says, replacing a file
 * that nobody uses. With mode 0 the umask decides. Fills *ret_file, but for
 * the abstract namespace. Returns 0 or a negative code.
 */
int bide__bind_unix(int fd, const struct bide__unix_address *address,
                    unsigned mode, struct bide__socket_file *ret_file);

/* Remove the file unless it was replaced. Call it before the descriptor is
 * closed, which keeps the inode's number from being used again. */
void bide__socket_file_remove(struct bide__socket_file *file);

#endif
