/* SPDX-License-Identifier: MIT */
/*
 * query.c — "a=1&b=2", of queries and of forms.
 *
 * As the URL Standard parses application/x-www-form-urlencoded: empty pieces
 * are skipped, a piece without "=" is a name with an empty value. The whole
 * text is copied once and decoded in place.
 */
#include <errno.h>
#include <string.h>

#include "web/web.h"

static size_t count_pieces(const char *text, size_t len)
{
    size_t count = 1;
    for (size_t i = 0; i < len; i++)
        count += text[i] == '&';
    return count;
}

/* A piece, which ends at a byte that may be overwritten. */
static int parse_piece(char *piece, size_t len, struct bide__web_pair *pair)
{
    char *equals = memchr(piece, '=', len);
    size_t name_len = equals ? (size_t)(equals - piece) : len;
    char *value = equals ? equals + 1 : piece + len;
    size_t value_len = equals ? len - name_len - 1 : 0;
    ssize_t n = bide__web_unquote(piece, name_len, true);
    ssize_t m = bide__web_unquote(value, value_len, true);
    if (n < 0 || m < 0)
        return -EINVAL;
    piece[n] = '\0';
    value[m] = '\0';
    *pair = (struct bide__web_pair){piece, value, (size_t)m};
    return 0;
}

int bide__web_parse_pairs(bide_arena *arena, const char *text, size_t len,
                          struct bide__web_pairs *ret_pairs)
{
    *ret_pairs = (struct bide__web_pairs){.all = NULL};
    if (len == 0)
        return 0;
    size_t most = count_pieces(text, len);
    if (most > BIDE_WEB_PAIRS_MAX)
        return bide_raise(-E2BIG, "%zu names and values, at most %d", most,
                          BIDE_WEB_PAIRS_MAX);
    char *copy = bide_arena_copy(arena, text, len);
    struct bide__web_pair *all =
        bide_arena_allocate(arena, most * sizeof *all);
    if (!copy || !all)
        return -ENOMEM;
    size_t count = 0;
    const char *end = copy + len;
    for (char *at = copy; at < end;) {
        char *stop = memchr(at, '&', (size_t)(end - at));
        size_t width = (size_t)((stop ? stop : end) - at);
        if (width > 0) {
            at[width] = '\0';
            int rc = parse_piece(at, width, &all[count++]);
            if (rc < 0)
                return bide_raise(rc, "a name or value has a NUL");
        }
        at += width + 1;
    }
    *ret_pairs = (struct bide__web_pairs){all, count};
    return 0;
}

const struct bide__web_pair *
bide__web_pair(const struct bide__web_pairs *pairs, const char *name,
               size_t nth)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (strcmp(pairs->all[i].name, name) == 0 && nth-- == 0)
            return &pairs->all[i];
    return NULL;
}

int bide__web_query(bide_web_request *request)
{
    if (request->query_parsed)
        return 0;
    request->query_parsed = true;
    const char *text = request->query_text;
    return bide__web_parse_pairs(&request->arena, text, strcspn(text, "#"),
                                 &request->query);
}

const char *bide_web_request_query(bide_web_request *request, const char *name)
{
    if (bide__web_query(request) < 0)
        return NULL;
    const struct bide__web_pair *pair =
        bide__web_pair(&request->query, name, 0);
    return pair ? pair->value : NULL;
}

bool bide_web_request_query_at(bide_web_request *request, size_t index,
                               const char **ret_name, const char **ret_value)
{
    if (bide__web_query(request) < 0 || index >= request->query.count)
        return false;
    *ret_name = request->query.all[index].name;
    *ret_value = request->query.all[index].value;
    return true;
}
