/* SPDX-License-Identifier: MIT */
/*
 * path.c — paths, their segments, and percent-encoding.
 *
 * A path is divided before it is decoded, so that "%2F" is a character of its
 * segment and divides nothing. What is no valid escape stands for itself, as
 * browsers have it. A NUL is refused: in C it would end a text early, and a
 * check would see another value than its user.
 */
#include <errno.h>
#include <string.h>

#include "web/web.h"

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

ssize_t bide__web_unquote(char *text, size_t len, bool plus)
{
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '%' && len - i > 2 && digit(text[i + 1]) >= 0 &&
            digit(text[i + 2]) >= 0) {
            c = (char)(digit(text[i + 1]) * 16 + digit(text[i + 2]));
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == '\0')
            return -EINVAL;
        text[used++] = c;
    }
    return (ssize_t)used;
}

enum bide__web_segment bide__web_classify(const char *segment, size_t len)
{
    enum bide__web_segment kind = BIDE__WEB_PARAM;
    if (len == 0 || segment[0] != '{')
        return memchr(segment, '{', len) || memchr(segment, '}', len)
                   ? BIDE__WEB_BAD
                   : BIDE__WEB_TEXT;
    if (segment[len - 1] != '}')
        return BIDE__WEB_BAD;
    size_t end = len - 1;
    if (end > 4 && memcmp(segment + end - 3, "...", 3) == 0) {
        kind = BIDE__WEB_REST;
        end -= 3;
    }
    for (size_t i = 1; i < end; i++) {
        char c = segment[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '_' || (c >= '0' && c <= '9' && i > 1);
        if (!letter)
            return BIDE__WEB_BAD;
    }
    return end > 1 ? kind : BIDE__WEB_BAD;
}

/* "http://host/path", which every server must take, to "/path". */
static const char *without_authority(const char *target)
{
    const char *authority = strstr(target, "://");
    if (target[0] == '/' || !authority)
        return target;
    const char *path = strpbrk(authority + 3, "/?");
    return path ? path : "";
}

/* Behind the first "/", up to "?". The copy is cut into segments in place. */
static int cut(bide_web_request *request, char *copy, size_t len)
{
    char *at = copy + 1;
    const char *end = copy + len;
    for (;;) {
        char *slash = memchr(at, '/', (size_t)(end - at));
        size_t width = (size_t)((slash ? slash : end) - at);
        if (request->n_segments == BIDE_WEB_SEGMENTS_MAX)
            return 404;
        if (memchr(at, '%', width)) {
            ssize_t n = bide__web_unquote(at, width, false);
            if (n < 0)
                return 400;
            width = (size_t)n;
        }
        at[width] = '\0';
        request->segments[request->n_segments++] = at;
        if (!slash)
            return 0;
        at = slash + 1;
    }
}

int bide__web_divide(bide_web_request *request)
{
    const char *target =
        without_authority(bide_http_request_target(request->http));
    size_t len = strcspn(target, "?#");
    request->query_text = target[len] == '?' ? target + len + 1 : "";
    if (len == 0) { /* "http://host" */
        target = "/";
        len = 1;
    }
    request->path = bide_arena_allocate(&request->arena, 2 * (len + 1));
    if (!request->path)
        return -ENOMEM;
    memcpy(request->path, target, len);
    request->path[len] = '\0';
    if (target[0] != '/')
        return 404;
    char *copy = memcpy(request->path + len + 1, request->path, len + 1);
    return cut(request, copy, len);
}
