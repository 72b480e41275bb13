/* SPDX-License-Identifier: MIT */
/*
 * address.h — addresses of sockets, as connecting and listening share them.
 *
 * Both take a list of struct addrinfo, whoever made it: bide_getaddrinfo()
 * for TCP, bide__unix_address() for the one address of a Unix socket.
 */
#ifndef BIDE_SRC_IO_ADDRESS_H
#define BIDE_SRC_IO_ADDRESS_H

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Bytes that hold the text of any address. */
#define BIDE__ADDRESS_TEXT 128

/* The address of a Unix socket, as the one entry of a list. */
struct bide__unix_address {
    struct addrinfo info;
    struct sockaddr_un address;
};

/* Fill it from a path, or from "@name" for the abstract namespace. It must
 * stay in place. Returns 0, -EINVAL or -ENAMETOOLONG with a message. */
int bide__unix_address(const char *path, struct bide__unix_address *ret);

/* Look up the TCP addresses of a host; `flags` are those of getaddrinfo(3).
 * The caller checked the port. Suspends; errors as bide_getaddrinfo(). */
int bide__look_up(const char *host, unsigned port, int family, int flags,
                  struct addrinfo **ret_list);

/* Check a family from options; a message on -EINVAL. */
int bide__check_family(int family);

/* As bide_address_text(). Returns buf. */
char *bide__sockaddr_text(const struct sockaddr *address, size_t len,
                          char *buf, size_t size);

/* The address that a descriptor is bound to; "?" if it has none. */
char *bide__bound_text(int fd, char *buf, size_t size);

/* The port of a descriptor's own address, 0 if it has none. */
unsigned bide__bound_port(int fd);

#endif
