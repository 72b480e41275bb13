/* SPDX-License-Identifier: MIT */
/*
 * http_url.c — a URL, a reference to be resolved, and a cookie, each a line.
 *
 * Whatever was accepted is in its normal form: parsed again it stays the same,
 * and nothing of it could end a line of a request.
 */
#include "fuzz.h"

#include <string.h>

#include "http/client/client.h"

static void check(const struct bide__url *url)
{
    struct bide__url again;
    if (strlen(url->text) != url->len || url->text[url->target] != '/')
        abort();
    for (size_t i = 0; i < url->len; i++)
        if (url->text[i] <= ' ' || url->text[i] > '~')
            abort();
    if (bide__url_parse(&again, url->text, url->len, NULL) < 0 ||
        again.len != url->len || strcmp(again.text, url->text) != 0 ||
        strcmp(again.host, url->host) != 0 || again.port != url->port)
        abort();
    bide__url_free(&again);
}

static void try_cookie(const struct bide__url *url, const char *text)
{
    struct bide__cookie cookie;
    if (bide__cookie_parse(&cookie, url, text, 1000000000) < 0)
        return;
    if (!*cookie.name || *cookie.path != '/' ||
        !bide__domain_matches(url->host, cookie.domain) ||
        !bide__http_is_value(cookie.value, strlen(cookie.value)))
        abort();
    bide__cookie_free(&cookie);
}

static void try_all(char *text)
{
    struct bide__url url, resolved;
    char *reference = strchrnul(text, '\n');
    if (*reference)
        *reference++ = '\0';
    char *cookie = strchrnul(reference, '\n');
    if (*cookie)
        *cookie++ = '\0';
    if (bide__url_parse(&url, text, strlen(text), NULL) < 0)
        return;
    check(&url);
    try_cookie(&url, cookie);
    if (bide__url_parse(&resolved, reference, strlen(reference), &url) == 0) {
        check(&resolved);
        bide__url_free(&resolved);
    }
    bide__url_free(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    try_all(text);
    free(text);
    return 0;
}
