/* SPDX-License-Identifier: MIT */
/*
 * listen_test.c — listening on lists of addresses that no name has here: with
 * repetitions, with addresses that are not this machine's, and with some that
 * exclude each other.
 */
#include <arpa/inet.h>
#include <bide/error.h>

#include "io/listen.h"
#include "net.h"
#include "test.h"

#define HOSTS_MAX 80

struct hosts {
    struct addrinfo infos[HOSTS_MAX];
    struct sockaddr_in addresses[HOSTS_MAX];
    int count;
};

static void add_host(struct hosts *hosts, uint32_t address)
{
    struct addrinfo *info = &hosts->infos[hosts->count];
    struct sockaddr_in *place = &hosts->addresses[hosts->count];
    *place = loopback(0);
    place->sin_addr.s_addr = htonl(address);
    *info = (struct addrinfo){
        .ai_family = AF_INET,
        .ai_addr = (struct sockaddr *)place,
        .ai_addrlen = sizeof *place,
    };
    if (hosts->count++ > 0)
        info[-1].ai_next = info;
}

enum {
    ANY = 0,
    LOCAL = 0x7f000001,
    FOREIGN = (int)0xcb007101, /* 203.0.113.1, for documentation */
};

static const bide_server_options options = {.backlog = 8};

static void close_all(const int *fds, int count)
{
    for (int i = 0; i < count; i++)
        close(fds[i]);
}

TEST(an_address_that_is_there_twice_is_listened_on_once)
{
    struct hosts hosts = {.count = 0};
    int fds[BIDE__LISTENERS_MAX];
    add_host(&hosts, LOCAL);
    add_host(&hosts, LOCAL + 1);
    add_host(&hosts, LOCAL);
    int count = bide__listen_tcp(hosts.infos, &options, fds);
    if (!CHECK_INT(count, 2))
        return;
    CHECK(bide__bound_port(fds[0]) != 0);
    CHECK_INT(bide__bound_port(fds[1]), bide__bound_port(fds[0]));
    close_all(fds, count);
}

TEST(addresses_that_this_machine_lacks_are_left_out_if_there_are_others)
{
    struct hosts hosts = {.count = 0};
    int fds[BIDE__LISTENERS_MAX];
    add_host(&hosts, (uint32_t)FOREIGN);
    add_host(&hosts, LOCAL);
    int count = bide__listen_tcp(hosts.infos, &options, fds);
    CHECK_INT(count, 1);
    close_all(fds, count);
    hosts.count = 0;
    add_host(&hosts, (uint32_t)FOREIGN);
    add_host(&hosts, (uint32_t)FOREIGN + 1);
    CHECK_ERR(bide__listen_tcp(hosts.infos, &options, fds), -EADDRNOTAVAIL);
    CHECK_STR(bide_errmsg(-EADDRNOTAVAIL),
              "listening on 203.0.113.2:0: Cannot assign requested address");
}

/* A port that is chosen for 127.0.0.1 is then taken for all addresses. */
TEST(when_one_address_cannot_be_listened_on_none_is)
{
    struct hosts hosts = {.count = 0};
    int fds[BIDE__LISTENERS_MAX];
    int before = count_fds();
    add_host(&hosts, LOCAL);
    add_host(&hosts, ANY);
    CHECK_ERR(bide__listen_tcp(hosts.infos, &options, fds), -EADDRINUSE);
    CHECK_STR(bide_errmsg(-EADDRINUSE),
              "listening on 0.0.0.0:0: Address already in use");
    CHECK_INT(count_fds(), before);
}

TEST(of_very_many_addresses_the_first_64_are_listened_on)
{
    struct hosts hosts = {.count = 0};
    int fds[BIDE__LISTENERS_MAX];
    for (int i = 0; i < HOSTS_MAX; i++)
        add_host(&hosts, LOCAL + (uint32_t)i);
    int count = bide__listen_tcp(hosts.infos, &options, fds);
    CHECK_INT(count, 64);
    close_all(fds, count);
}
