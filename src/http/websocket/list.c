/* SPDX-License-Identifier: MIT */
/*
 * list.c — lists of a header's value: "a, b; c=1, d". RFC 9110, 5.6.1.
 */
#include "http/websocket/frame.h"

#include <string.h>
#include <strings.h>

bool bide__list_next(const char **list, const char **ret_element,
                     size_t *ret_len)
{
    const char *at = *list + strspn(*list, " \t,");
    size_t len = strcspn(at, ",");
    *list = at + len;
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
        len--;
    *ret_element = at;
    *ret_len = len;
    return len > 0;
}

bool bide__list_has(const char *list, const char *element)
{
    const char *one;
    size_t len;
    size_t wanted = strlen(element);
    while (list && bide__list_next(&list, &one, &len))
        if (len == wanted && strncasecmp(one, element, len) == 0)
            return true;
    return false;
}
