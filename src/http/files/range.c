/* SPDX-License-Identifier: MIT */
/*
 * range.c — which bytes a Range header asks for: RFC 9110, 14.
 *
 * A header that is malformed, or asks for so many or so much that sending
 * everything is less, does not count: it is a wish and no more.
 */
#include <string.h>
#include <strings.h>

#include "http/files/files.h"

/* Digits, cut at what no file is long; -1 if there is none. */
static int64_t take_number(const char **at)
{
    int64_t number = -1;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        if (number < 0)
            number = 0;
        number = number > INT64_MAX / 100 ? INT64_MAX / 10
                                          : number * 10 + (**at - '0');
    }
    return number;
}

/* "first-", "first-last" or "-suffix". Returns whether it is one; its length
 * is 0 if there is nothing of it. */
static bool take_range(const char **at, int64_t size,
                       struct bide__range *range)
{
    int64_t first = take_number(at);
    if (**at != '-')
        return false;
    (*at)++;
    int64_t last = take_number(at);
    if (first < 0 && last < 0)
        return false;
    if (first < 0) {
        first = last < size ? size - last : 0;
        last = size - 1;
    } else if (last >= 0 && last < first) {
        return false;
    } else if (last < 0 || last >= size) {
        last = size - 1;
    }
    range->first = first;
    range->len = last >= first ? last - first + 1 : 0;
    return true;
}

int bide__http_parse_ranges(const char *value, int64_t size,
                            struct bide__range ranges[BIDE__RANGES_MAX])
{
    int count = 0, asked = 0;
    int64_t total = 0;
    const char *at = value + 6;
    if (strncasecmp(value, "bytes=", 6) != 0 || size == 0)
        return 0;
    for (;;) {
        struct bide__range range;
        at += strspn(at, " \t");
        if (++asked > BIDE__RANGES_MAX || !take_range(&at, size, &range))
            return 0;
        if (range.len > 0)
            ranges[count++] = range;
        total += range.len;
        at += strspn(at, " \t");
        if (!*at)
            break;
        if (*at++ != ',')
            return 0;
    }
    if (count == 0)
        return -416;
    return count > 1 && total > size ? 0 : count;
}
