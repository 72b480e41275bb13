/* SPDX-License-Identifier: MIT */
/* address_test.c — addresses as text, and those of Unix sockets from paths. */
#include <arpa/inet.h>
#include <bide/error.h>
#include <bide/stream.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "io/address.h"
#include "test.h"

static const char *text_of(const void *address, size_t len)
{
    static char text[128];
    struct sockaddr_storage storage;
    memset(&storage, 0, sizeof storage);
    memcpy(&storage, address, len);
    return bide_address_text(&storage, len, text, sizeof text);
}

TEST(an_ipv4_address_is_written_with_its_port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(80),
        .sin_addr.s_addr = htonl(0x7f000001),
    };
    CHECK_STR(text_of(&address, sizeof address), "127.0.0.1:80");
}

TEST(an_ipv6_address_is_written_in_brackets)
{
    struct sockaddr_in6 address = {
        .sin6_family = AF_INET6,
        .sin6_port = htons(65535),
        .sin6_addr = IN6ADDR_LOOPBACK_INIT,
    };
    CHECK_STR(text_of(&address, sizeof address), "[::1]:65535");
}

TEST(a_link_local_address_is_written_with_its_interface)
{
    struct sockaddr_in6 address = {
        .sin6_family = AF_INET6,
        .sin6_port = htons(1),
        .sin6_scope_id = 1, /* always the loopback interface */
    };
    inet_pton(AF_INET6, "fe80::2", &address.sin6_addr);
    CHECK_STR(text_of(&address, sizeof address), "[fe80::2%lo]:1");
    address.sin6_scope_id = 4000000;
    CHECK_STR(text_of(&address, sizeof address), "[fe80::2%4000000]:1");
}

static const char *unix_text_of(const char *path)
{
    struct bide__unix_address address;
    if (!CHECK_OK(bide__unix_address(path, &address)))
        return NULL;
    return text_of(&address.address, address.info.ai_addrlen);
}

TEST(a_unix_address_is_written_as_its_path)
{
    CHECK_STR(unix_text_of("/run/x"), "unix:/run/x");
    CHECK_STR(unix_text_of("@abstract"), "unix:@abstract");
    struct sockaddr_un unnamed = {.sun_family = AF_UNIX};
    CHECK_STR(text_of(&unnamed, sizeof(sa_family_t)), "unix:");
}

TEST(a_unix_address_of_control_characters_is_made_harmless)
{
    CHECK_STR(unix_text_of("@a\x1b[2Jb\x7f"), "unix:@a?[2Jb?");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, "\0a\0b", 4);
    CHECK_STR(text_of(&address, sizeof(sa_family_t) + 4), "unix:@a@b");
}

TEST(the_longest_unix_address_fits)
{
    char path[200] = "";
    char expected[200] = "unix:";
    memset(path, 'p', 107);
    strcat(expected, path);
    CHECK_STR(unix_text_of(path), expected);
    path[0] = '@';
    expected[5] = '@';
    CHECK_STR(unix_text_of(path), expected);
}

TEST(a_unix_path_that_is_too_long_is_refused_with_both_lengths)
{
    struct bide__unix_address address;
    char path[200] = "";
    memset(path, 'p', 108);
    CHECK_ERR(bide__unix_address(path, &address), -ENAMETOOLONG);
    CHECK(strstr(bide_errmsg(-ENAMETOOLONG), "108 bytes, at most 107"));
    CHECK_ERR(bide__unix_address("", &address), -EINVAL);
}

TEST(a_text_that_does_not_fit_is_cut)
{
    struct sockaddr_storage storage;
    struct sockaddr_in address = {.sin_family = AF_INET};
    char text[8];
    memset(&storage, 0, sizeof storage);
    memcpy(&storage, &address, sizeof address);
    bide_address_text(&storage, sizeof address, text, sizeof text);
    CHECK_STR(text, "0.0.0.0");
}

TEST(an_unknown_family_is_said_to_be_one)
{
    struct sockaddr_storage storage = {.ss_family = 77};
    char text[64];
    bide_address_text(&storage, sizeof storage, text, sizeof text);
    CHECK_STR(text, "(address family 77)");
}
