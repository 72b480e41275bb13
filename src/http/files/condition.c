/* SPDX-License-Identifier: MIT */
/*
 * condition.c — whether a client has what it asks for: RFC 9110, 13.
 *
 * Conditions are looked at in the order of 13.2.2; one by an entity tag makes
 * the one by a date of no account, for the date is the coarser one.
 */
#include <string.h>
#include <strings.h>

#include "http/files/files.h"

/* Whether a list of entity tags has ours. A weak one says that what it stands
 * for is equivalent, which is not enough where bytes are put together. */
static bool list_has(const char *list, const char *etag, bool weak_will_do)
{
    size_t len = strlen(etag);
    const char *at = list;
    for (;;) {
        at += strspn(at, ", \t");
        bool weak = strncmp(at, "W/", 2) == 0;
        at += weak ? 2 : 0;
        const char *end = *at == '"' ? strchr(at + 1, '"') : NULL;
        if (!end)
            return false;
        if ((!weak || weak_will_do) && (size_t)(end + 1 - at) == len &&
            memcmp(at, etag, len) == 0)
            return true;
        at = end + 1;
    }
}

/* All headers of the name together are one list. Returns whether there is one;
 * *ret_match: whether it has the tag. */
static bool look_for(const bide_http_request *request, const char *header,
                     const char *etag, bool weak_will_do, bool *ret_match)
{
    const char *name, *value;
    bool there = false;
    *ret_match = false;
    for (size_t i = 0; bide_http_request_field(request, i, &name, &value);
         i++) {
        if (strcasecmp(name, header) != 0)
            continue;
        there = true;
        if (strcmp(value, "*") == 0 || list_has(value, etag, weak_will_do))
            *ret_match = true;
    }
    return there;
}

/* Returns whether there is a date to go by. */
static bool date_of(const bide_http_request *request, const char *header,
                    time_t *ret_time)
{
    const char *value = bide_http_request_header(request, header);
    return value && bide__http_parse_date(value, ret_time);
}

static bool has_conditions(const bide_http_request *request)
{
    const char *name, *value;
    for (size_t i = 0; bide_http_request_field(request, i, &name, &value); i++)
        if (strncasecmp(name, "If-", 3) == 0)
            return true;
    return false;
}

int bide__http_check_conditions(const bide_http_request *request,
                                const struct bide__file_info *info)
{
    time_t since;
    bool match;
    if (!has_conditions(request))
        return 200;
    if (look_for(request, "If-Match", info->etag, false, &match)) {
        if (!match)
            return 412;
    } else if (date_of(request, "If-Unmodified-Since", &since) &&
               info->modified > since) {
        return 412;
    }
    const char *method = bide_http_request_method(request);
    bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (look_for(request, "If-None-Match", info->etag, true, &match)) {
        if (match)
            return reads ? 304 : 412;
    } else if (reads && date_of(request, "If-Modified-Since", &since) &&
               info->modified <= since) {
        return 304;
    }
    return 200;
}

bool bide__http_range_counts(const bide_http_request *request,
                             const struct bide__file_info *info)
{
    time_t since;
    const char *value = bide_http_request_header(request, "If-Range");
    if (!value)
        return true;
    if (strchr(value, '"'))
        return strcmp(value, info->etag) == 0;
    return bide__http_parse_date(value, &since) && since == info->modified;
}
