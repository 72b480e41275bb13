/* SPDX-License-Identifier: MIT */
/*
 * coding.c — what a client's Accept-Encoding says: RFC 9110, 12.5.3.
 *
 * A client that says nothing of codings gets none: the ones of old that accept
 * anything in theory do not in practice.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/compress/coding.h"

#define NOT_SAID (-1)

/* How much is wanted, in thousandths. */
struct wishes {
    int coding[BIDE__CODINGS];
    int identity;
    int others; /* "*" */
};

const char *bide__coding_name(enum bide__coding coding)
{
    static const char *const names[] = {"br", "zstd", "gzip"};
    return names[coding];
}

/* "0.5" in thousandths: at most one digit before and three behind the point.
 * What is malformed counts as 1000: nothing was said against it. */
static int quality(const char *text)
{
    int value = 0, weight = 1000;
    if (*text != '0' && *text != '1')
        return 1000;
    value = (*text++ - '0') * 1000;
    if (*text == '.')
        text++;
    while (*text >= '0' && *text <= '9' && weight > 1) {
        weight /= 10;
        value += (*text++ - '0') * weight;
    }
    return value > 1000 ? 1000 : value;
}

static bool is_name(const char *at, size_t len, const char *name)
{
    return strlen(name) == len && strncasecmp(at, name, len) == 0;
}

static void note(struct wishes *wishes, const char *at, size_t len, int q)
{
    for (unsigned i = 0; i < BIDE__CODINGS; i++)
        if (is_name(at, len, bide__coding_name(i)))
            wishes->coding[i] = q;
    if (is_name(at, len, "x-gzip"))
        wishes->coding[BIDE__CODING_GZIP] = q;
    else if (is_name(at, len, "identity"))
        wishes->identity = q;
    else if (is_name(at, len, "*"))
        wishes->others = q;
}

/* "gzip;q=0.5, br" */
static void parse(struct wishes *wishes, const char *value)
{
    const char *at = value;
    while (*at) {
        at += strspn(at, ", \t");
        size_t len = strcspn(at, "; \t,");
        const char *name = at;
        int q = 1000;
        at += len;
        while (*at && *at != ',') {
            at += strspn(at, "; \t");
            if ((at[0] == 'q' || at[0] == 'Q') && at[1] == '=')
                q = quality(at + 2);
            at += strcspn(at, ";,");
        }
        note(wishes, name, len, q);
    }
}

/* Returns whether anything was said. */
static bool read_wishes(const bide_http_request *request,
                        struct wishes *wishes)
{
    const char *name, *value;
    bool said = false;
    *wishes = (struct wishes){
        .coding = {NOT_SAID, NOT_SAID, NOT_SAID},
        .identity = NOT_SAID,
        .others = NOT_SAID,
    };
    for (size_t i = 0; bide_http_request_field(request, i, &name, &value);
         i++) {
        if (strcasecmp(name, "accept-encoding") != 0)
            continue;
        said = true;
        parse(wishes, value);
    }
    return said;
}

size_t bide__http_rank_codings(const bide_http_request *request,
                               unsigned offered,
                               enum bide__coding ranked[BIDE__CODINGS])
{
    struct wishes wishes;
    int quality_of[BIDE__CODINGS];
    size_t count = 0;
    if (!read_wishes(request, &wishes))
        return 0;
    for (unsigned i = 0; i < BIDE__CODINGS; i++) {
        int q = wishes.coding[i] == NOT_SAID ? wishes.others
                                             : wishes.coding[i];
        if (!(offered & 1u << i) || q <= 0 || q < wishes.identity)
            continue;
        size_t place = count++;
        for (; place > 0 && quality_of[place - 1] < q; place--) {
            quality_of[place] = quality_of[place - 1];
            ranked[place] = ranked[place - 1];
        }
        quality_of[place] = q;
        ranked[place] = (enum bide__coding)i;
    }
    return count;
}
