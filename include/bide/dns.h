/* SPDX-License-Identifier: MIT */
/*
 * <bide/dns.h> — names to addresses, without blocking the loop.
 *
 *     struct addrinfo *found;
 *     int rc = bide_getaddrinfo("example.org", "https", NULL, &found);
 *     if (rc < 0)
 *         return rc;
 *     ...                              // found, found->ai_next
 *     freeaddrinfo(found);
 *
 * bide_open_connection() and bide_start_server() look names up by themselves.
 */
#ifndef BIDE_DNS_H
#define BIDE_DNS_H

#include <bide/task.h>

struct addrinfo;

BIDE_BEGIN

/*
 * bide_getaddrinfo — look up a host and a service.
 *
 * Runs getaddrinfo(3) on the threads for names, which nothing else uses; a
 * numeric host is translated at once, without a thread.
 *
 * Returns:  0 or a negative code with a message that names the host, or the
 *           service if that is at fault.
 *   host         a name or numeric address; NULL: as getaddrinfo(3)
 *   service      a name or a decimal port; NULL: port 0
 *   hints        flags, family, socket type and protocol; copied; NULL: none
 *   ret_result   set on success
 * Suspends: always a cancellation point.
 * Cancel:   safe; the look-up is abandoned, its thread ends it by itself.
 * Errors:   BIDE_E_DNS_NOT_FOUND, BIDE_E_DNS_TEMPORARY, BIDE_E_DNS_SERVICE,
 *           BIDE_E_DNS_FAILED for all else, with the text of gai_strerror(3);
 *           where that says EAI_SYSTEM, -errno; -ENOMEM; -ECANCELED
 * Owns:     the caller releases *ret_result by freeaddrinfo(3).
 * Thread:   the loop's.
 * Like:     loop.getaddrinfo.
 * Source:   getaddrinfo(3), RFC 6724.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_getaddrinfo(const char *host, const char *service,
                 const struct addrinfo *hints, struct addrinfo **ret_result);

BIDE_END

#endif
