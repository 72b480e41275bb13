/* SPDX-License-Identifier: MIT */
/*
 * cookie.c — cookies: those of a request, and setting them.
 *
 * What clients send is taken as browsers send it: pieces between ";", spaces
 * around them dropped, quotes around a value, too. What we send is checked
 * against RFC 6265, so that no value adds an attribute of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "web/web.h"

#define COOKIES_MAX 100
#define COOKIE_MAX 4096 /* bytes of one that is set, as browsers keep them */

/* ── Those of a request ───────────────────────────────────────────────── */

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* "name=value", without spaces and quotes around. */
static bool parse_cookie(char *text, size_t len, struct bide__web_pair *pair)
{
    while (len > 0 && is_space(text[0])) {
        text++;
        len--;
    }
    while (len > 0 && is_space(text[len - 1]))
        len--;
    char *equals = memchr(text, '=', len);
    if (!equals || equals == text)
        return false;
    char *value = equals + 1;
    size_t value_len = (size_t)(text + len - value);
    if (value_len >= 2 && value[0] == '"' && value[value_len - 1] == '"') {
        value++;
        value_len -= 2;
    }
    *equals = '\0';
    value[value_len] = '\0';
    *pair = (struct bide__web_pair){text, value, value_len};
    return true;
}

static void parse_header(bide_web_request *request, char *text)
{
    struct bide__web_pairs *cookies = &request->cookies;
    while (*text && cookies->count < COOKIES_MAX) {
        size_t len = strcspn(text, ";");
        bool last = text[len] == '\0';
        if (parse_cookie(text, len, &cookies->all[cookies->count]))
            cookies->count++;
        text += last ? len : len + 1;
    }
}

/* HTTP/2 may divide the header Cookie. */
int bide__web_cookies(bide_web_request *request)
{
    const char *name, *value;
    if (request->cookies_parsed)
        return 0;
    request->cookies_parsed = true;
    for (size_t i = 0;
         bide_http_request_field(request->http, i, &name, &value); i++) {
        if (strcasecmp(name, "Cookie") != 0)
            continue;
        struct bide__web_pairs *cookies = &request->cookies;
        char *copy = bide_arena_copy(&request->arena, value, strlen(value));
        if (!cookies->all)
            cookies->all = bide_arena_allocate(
                &request->arena, COOKIES_MAX * sizeof *cookies->all);
        if (!copy || !cookies->all)
            return -ENOMEM;
        parse_header(request, copy);
    }
    return 0;
}

const char *bide_web_request_cookie(bide_web_request *request,
                                    const char *name)
{
    if (bide__web_cookies(request) < 0)
        return NULL;
    const struct bide__web_pair *pair =
        bide__web_pair(&request->cookies, name, 0);
    return pair ? pair->value : NULL;
}

/* ── Setting them ─────────────────────────────────────────────────────── */

/* RFC 6265, 4.1.1: cookie-octet; of names also no "=". */
static bool is_clean(const char *text, const char *not)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c <= ' ' || c >= 127 || strchr("\",;\\", c) || strchr(not, c))
            return false;
    }
    return true;
}

static bool is_attribute(const char *text)
{
    for (; text && *text; text++)
        if ((unsigned char)*text < ' ' || *text == ';' || *text == 127)
            return false;
    return true;
}

static int check_cookie(const char *name, const char *value,
                        const bide_web_cookie_options *options)
{
    if (!name[0] || !is_clean(name, "=()<>@:/[]?{}"))
        return bide_raise(-EINVAL, "\"%.80s\" is no name of a cookie", name);
    if (value && !is_clean(value, ""))
        return bide_raise(-EINVAL,
                          "the cookie %.80s has a value with a space, a "
                          "comma, or another character that cookies cannot "
                          "have", name);
    if (!is_attribute(options->path) || !is_attribute(options->domain) ||
        !is_attribute(options->same_site))
        return bide_raise(-EINVAL,
                          "the cookie %.80s has an attribute with a \";\" or "
                          "a control character", name);
    return 0;
}

static int write_cookie(char *text, size_t size, const char *name,
                        const char *value,
                        const bide_web_cookie_options *options)
{
    const char *same_site = options->same_site ? options->same_site : "lax";
    char age[32] = "";
    if (!value)
        snprintf(age, sizeof age, "; Max-Age=0");
    else if (options->max_age)
        snprintf(age, sizeof age, "; Max-Age=%lld",
                 (long long)options->max_age);
    return snprintf(text, size, "%s=%s%s; Path=%s%s%s; SameSite=%s%s%s", name,
                    value ? value : "\"\"", age,
                    options->path ? options->path : "/",
                    options->domain ? "; Domain=" : "",
                    options->domain ? options->domain : "", same_site,
                    options->scripts ? "" : "; HttpOnly",
                    options->secure ? "; Secure" : "");
}

int bide_web_reply_cookie(bide_web_request *request, const char *name,
                          const char *value,
                          const bide_web_cookie_options *options)
{
    static const bide_web_cookie_options normal;
    char text[COOKIE_MAX + 1];
    if (!options)
        options = &normal;
    int rc = check_cookie(name, value, options);
    if (rc < 0)
        return rc;
    int n = write_cookie(text, sizeof text, name, value, options);
    if (n > COOKIE_MAX)
        return bide_raise(-EINVAL, "the cookie %.80s is %d bytes, at most %d",
                          name, n, COOKIE_MAX);
    return bide_web_reply_header(request, "Set-Cookie", text);
}
