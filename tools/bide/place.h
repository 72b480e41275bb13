/* SPDX-License-Identifier: MIT */
/* place.h — where programs that can be looked at have their sockets. */
#ifndef BIDE_CLI_PLACE_H
#define BIDE_CLI_PLACE_H

#include <sys/types.h>
#include <sys/un.h>

#define PATH_ROOM sizeof((struct sockaddr_un *)0)->sun_path
#define PLACES_MAX 256 /* sockets that are looked at; more are left out */

struct place {
    char path[PATH_ROOM];
    pid_t pid; /* 0 if it is not in the name */
};

struct places {
    struct place found[PLACES_MAX];
    unsigned count;
};

/* The sockets of a process, one for each loop that is open, or the one whose
 * path is given. Returns 0, or a status after a complaint. */
int places_of(const char *target, struct places *places);

/* Those of every process of this user, as far as they lie where they do if
 * nothing was said of it. */
void places_of_all(struct places *places);

#endif
