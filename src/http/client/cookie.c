/* SPDX-License-Identifier: MIT */
/*
 * cookie.c — one Set-Cookie: RFC 6265, 5.1 to 5.3.
 *
 * A cookie is refused that names a domain which its server does not belong to,
 * or one so wide that strangers share it: a single label ("com"), what looks
 * like a registry's own ("co.uk"), an address. Who needs the whole list of
 * public suffixes has to check by it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "http/client/client.h"

#define COOKIE_MAX 4096 /* bytes of name and value */

/* ── Dates ────────────────────────────────────────────────────────────── */

static bool is_delimiter(char c)
{
    return c == '\t' || (c >= ' ' && c <= '/') || (c >= ';' && c <= '@') ||
           (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

/* The number of one to `most` digits that a token begins with; -1: none. */
static int number(const char *token, size_t len, size_t least, size_t most)
{
    int value = 0;
    size_t n = 0;
    while (n < len && token[n] >= '0' && token[n] <= '9' && n <= most)
        value = value * 10 + (token[n++] - '0');
    return n >= least && n <= most ? value : -1;
}

static bool parse_clock(const char *token, size_t len, struct tm *tm)
{
    char text[16] = "";
    int hour, minute, second;
    memcpy(text, token, len < 15 ? len : 15);
    if (sscanf(text, "%2d:%2d:%2d", &hour, &minute, &second) != 3)
        return false;
    tm->tm_hour = hour;
    tm->tm_min = minute;
    tm->tm_sec = second;
    return true;
}

static int parse_month(const char *token, size_t len)
{
    static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    for (int i = 0; len >= 3 && i < 12; i++)
        if (strncasecmp(token, months + 3 * i, 3) == 0)
            return i;
    return -1;
}

struct found {
    bool clock, day, month, year;
};

static void take_token(const char *token, size_t len, struct tm *tm,
                       struct found *found)
{
    int value;
    if (!found->clock && memchr(token, ':', len) &&
        parse_clock(token, len, tm)) {
        found->clock = true;
    } else if (!found->day && (value = number(token, len, 1, 2)) >= 0) {
        found->day = true;
        tm->tm_mday = value;
    } else if (!found->month && (value = parse_month(token, len)) >= 0) {
        found->month = true;
        tm->tm_mon = value;
    } else if (!found->year && (value = number(token, len, 2, 4)) >= 0) {
        found->year = true;
        if (value < 100)
            value += value < 70 ? 2000 : 1900;
        tm->tm_year = value - 1900;
    }
}

/* RFC 6265, 5.1.1. Returns seconds since 1970, or -1 for what is no date. */
static int64_t parse_date(const char *text, size_t len)
{
    struct tm tm = {.tm_sec = 0};
    struct found found = {.clock = false};
    for (size_t at = 0; at < len;) {
        size_t n = 0;
        while (at + n < len && !is_delimiter(text[at + n]))
            n++;
        if (n > 0)
            take_token(text + at, n, &tm, &found);
        at += n + 1;
    }
    if (!found.clock || !found.day || !found.month || !found.year ||
        tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_year < -299 ||
        tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 59)
        return -1;
    int64_t when = (int64_t)timegm(&tm);
    return when < 0 ? 0 : when;
}

/* ── Domains ──────────────────────────────────────────────────────────── */

static bool is_address(const char *host)
{
    struct in_addr v4;
    return strchr(host, ':') || inet_pton(AF_INET, host, &v4) == 1;
}

/* "uk", and "co.uk": a general second label below a country's. */
static bool is_too_wide(const char *domain)
{
    static const char *const general[] = {"ac", "co", "com", "edu", "go",
                                          "gov", "ne", "net", "or", "org"};
    const char *dot = strchr(domain, '.');
    if (!dot || !dot[1]) /* "uk." is the same */
        return true;
    const char *end = strchrnul(dot + 1, '.');
    if ((*end && end[1]) || end - dot != 3)
        return false;
    size_t len = (size_t)(dot - domain);
    for (size_t i = 0; i < sizeof general / sizeof general[0]; i++)
        if (strlen(general[i]) == len &&
            strncmp(domain, general[i], len) == 0)
            return true;
    return false;
}

bool bide__domain_matches(const char *host, const char *domain)
{
    size_t host_len = strlen(host), len = strlen(domain);
    if (len > host_len || strcmp(host + host_len - len, domain) != 0)
        return false;
    return len == host_len ||
           (host[host_len - len - 1] == '.' && !is_address(host));
}

/* ── Attributes ───────────────────────────────────────────────────────── */

struct span {
    const char *text;
    size_t len;
};

static struct span trim(const char *text, size_t len)
{
    while (len > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        len--;
    }
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    return (struct span){text, len};
}

static bool is(struct span span, const char *word)
{
    return span.len == strlen(word) &&
           strncasecmp(span.text, word, span.len) == 0;
}

static int copy(char **to, const char *text, size_t len)
{
    char *made = bide_allocate(len + 1);
    if (!made)
        return -ENOMEM;
    memcpy(made, text, len);
    made[len] = '\0';
    bide_release(*to);
    *to = made;
    return 0;
}

static int take_domain(struct bide__cookie *cookie, struct span value)
{
    if (value.len > 0 && *value.text == '.')
        value = (struct span){value.text + 1, value.len - 1};
    if (value.len == 0)
        return 0;
    int rc = copy(&cookie->domain, value.text, value.len);
    for (char *c = cookie->domain; rc == 0 && *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c |= 0x20;
    cookie->host_only = false;
    return rc;
}

static void take_max_age(struct bide__cookie *cookie, struct span value,
                         int64_t now)
{
    bool negative = value.len > 0 && value.text[0] == '-';
    int64_t age = 0;
    for (size_t i = negative; i < value.len; i++) {
        if (value.text[i] < '0' || value.text[i] > '9')
            return;
        if (age < (int64_t)1 << 40)
            age = age * 10 + (value.text[i] - '0');
    }
    if (value.len == (size_t)negative)
        return;
    cookie->expires = negative || age == 0 ? 0 : now + age;
}

/* Max-Age counts more than Expires, wherever it stands. */
static int take_attribute(struct bide__cookie *cookie, struct span name,
                          struct span value, int64_t now, bool *has_age)
{
    if (is(name, "Domain"))
        return take_domain(cookie, value);
    if (is(name, "Path") && value.len > 0 && *value.text == '/')
        return copy(&cookie->path, value.text, value.len);
    if (is(name, "Secure")) {
        cookie->secure = true;
    } else if (is(name, "HttpOnly")) {
        cookie->http_only = true;
    } else if (is(name, "Max-Age")) {
        take_max_age(cookie, value, now);
        *has_age = true;
    } else if (is(name, "Expires") && !*has_age) {
        int64_t when = parse_date(value.text, value.len);
        if (when >= 0)
            cookie->expires = when;
    }
    return 0;
}

static int take_attributes(struct bide__cookie *cookie, const char *text,
                           int64_t now)
{
    bool has_age = false;
    int rc = 0;
    while (*text && rc == 0) {
        text++; /* ';' */
        size_t len = strcspn(text, ";");
        const char *equals = memchr(text, '=', len);
        size_t name_len = equals ? (size_t)(equals - text) : len;
        struct span value = {"", 0};
        if (equals)
            value = trim(equals + 1, len - name_len - 1);
        rc = take_attribute(cookie, trim(text, name_len), value, now,
                            &has_age);
        text += len;
    }
    return rc;
}

/* ── The whole ────────────────────────────────────────────────────────── */

static int refuse(const struct bide__cookie *cookie, const char *why)
{
    return bide_raise(-EINVAL, "cookie \"%.60s\": %s",
                      cookie->name ? cookie->name : "", why);
}

/* RFC 6265bis, 4.1.3: names that promise something. */
static bool keeps_promise(const struct bide__cookie *cookie,
                          const struct bide__url *url)
{
    if (strncmp(cookie->name, "__Secure-", 9) == 0)
        return cookie->secure && url->secure;
    if (strncmp(cookie->name, "__Host-", 7) == 0)
        return cookie->secure && url->secure && cookie->host_only &&
               strcmp(cookie->path, "/") == 0;
    return true;
}

static int check(struct bide__cookie *cookie, const struct bide__url *url)
{
    if (!cookie->host_only && strcmp(cookie->domain, url->host) == 0 &&
        (is_address(url->host) || is_too_wide(url->host)))
        cookie->host_only = true; /* it names itself, and no more */
    if (!cookie->host_only &&
        (is_address(url->host) || is_too_wide(cookie->domain) ||
         !bide__domain_matches(url->host, cookie->domain)))
        return refuse(cookie, "not for this host to set");
    if (cookie->secure && !url->secure)
        return refuse(cookie, "Secure, but not sent by https");
    if (!keeps_promise(cookie, url))
        return refuse(cookie, "not what its name promises");
    return 0;
}

static int default_path(struct bide__cookie *cookie,
                        const struct bide__url *url)
{
    const char *path = url->text + url->target;
    size_t len = strcspn(path, "?");
    while (len > 1 && path[len - 1] != '/')
        len--;
    return copy(&cookie->path, path, len > 1 ? len - 1 : 1);
}

static int take_pair(struct bide__cookie *cookie, const char *text, size_t len)
{
    const char *equals = memchr(text, '=', len);
    if (!equals)
        return refuse(cookie, "no name and value");
    struct span name = trim(text, (size_t)(equals - text));
    struct span value = trim(equals + 1, (size_t)(text + len - equals) - 1);
    if (name.len == 0 || name.len + value.len > COOKIE_MAX)
        return refuse(cookie, "without a name, or longer than 4096 bytes");
    int rc = copy(&cookie->name, name.text, name.len);
    return rc < 0 ? rc : copy(&cookie->value, value.text, value.len);
}

int bide__cookie_parse(struct bide__cookie *cookie,
                       const struct bide__url *url, const char *text,
                       int64_t now)
{
    *cookie = (struct bide__cookie){.expires = INT64_MAX, .host_only = true};
    size_t len = strcspn(text, ";");
    int rc = bide__http_is_value(text, strlen(text))
                 ? take_pair(cookie, text, len)
                 : refuse(cookie, "a control character");
    if (rc == 0)
        rc = copy(&cookie->domain, url->host, strlen(url->host));
    if (rc == 0)
        rc = default_path(cookie, url);
    if (rc == 0)
        rc = take_attributes(cookie, text + len, now);
    if (rc == 0)
        rc = check(cookie, url);
    if (rc < 0)
        bide__cookie_free(cookie);
    return rc;
}

void bide__cookie_free(struct bide__cookie *cookie)
{
    bide_release(cookie->name);
    bide_release(cookie->value);
    bide_release(cookie->domain);
    bide_release(cookie->path);
    *cookie = (struct bide__cookie){.name = NULL};
}
