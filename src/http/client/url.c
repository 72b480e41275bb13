/* SPDX-License-Identifier: MIT */
/*
 * url.c — URLs: RFC 3986, of the schemes http and https alone.
 *
 *      http://user:password@host:port/path?query#fragment
 *
 * A URL that was parsed is one text in a normal form, without user, password
 * and fragment, and positions in it: what stands before the target is the
 * origin, what stands behind "://" the Host header. Nothing that could end a
 * line of a request, or begin another one, gets through: control characters
 * and spaces are refused everywhere. What is not ASCII, and the few printable
 * characters that no URL may hold, are percent-encoded in path and query, as
 * browsers do.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "http/client/client.h"

#define URL_MAX 65536 /* bytes of a URL that is given */
#define HOST_MAX 253

/* ── Characters ───────────────────────────────────────────────────────── */

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t put_escape(char *out, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
    out[0] = '%';
    out[1] = digits[c >> 4];
    out[2] = digits[c & 15];
    return 3;
}

ssize_t bide_http_quote(const char *text, char *buf, size_t size)
{
    size_t len = 0;
    for (; *text; text++) {
        char piece[3] = {*text};
        size_t n = 1;
        if (!is_unreserved((unsigned char)*text))
            n = put_escape(piece, (unsigned char)*text);
        if (len + n >= size)
            return bide_raise(-EMSGSIZE, "the quoted text is longer than %zu "
                                         "bytes",
                              size);
        memcpy(buf + len, piece, n);
        len += n;
    }
    if (size == 0)
        return bide_raise(-EMSGSIZE, "no room for a quoted text");
    buf[len] = '\0';
    return (ssize_t)len;
}

int bide__url_add_quoted(struct bide__bytes *bytes, const char *text,
                         bool form)
{
    int rc = bide__bytes_reserve(bytes, 3 * strlen(text) + 1);
    if (rc < 0)
        return rc;
    char *out = bytes->data + bytes->len;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (form && c == ' ')
            *out++ = '+';
        else if (is_unreserved(c) && !(form && c == '~'))
            *out++ = (char)c;
        else
            out += put_escape(out, c);
    }
    bytes->len = (size_t)(out - bytes->data);
    return 0;
}

int bide__url_add_pairs(struct bide__bytes *bytes, const bide_http_pair *pairs)
{
    for (const bide_http_pair *pair = pairs; pair->name; pair++) {
        int rc = pair == pairs ? 0 : bide__bytes_add(bytes, "&", 1);
        if (rc == 0)
            rc = bide__url_add_quoted(bytes, pair->name, true);
        if (rc == 0)
            rc = bide__bytes_add(bytes, "=", 1);
        if (rc == 0)
            rc = bide__url_add_quoted(bytes, pair->value ? pair->value : "",
                                      true);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ── The parts of a URL ───────────────────────────────────────────────── */

struct parts {
    const char *scheme, *authority, *path, *query;
    size_t scheme_len, authority_len, path_len, query_len;
    bool has_scheme, has_authority, has_query;
};

/* RFC 3986, appendix B; the fragment is left out. */
static void split(const char *text, size_t len, struct parts *parts)
{
    *parts = (struct parts){.scheme = NULL};
    const char *hash = memchr(text, '#', len);
    const char *end = hash ? hash : text + len;
    size_t n = 0;
    while (text + n < end && !strchr(":/?", text[n]))
        n++;
    if (text + n < end && text[n] == ':') {
        parts->has_scheme = true;
        parts->scheme = text;
        parts->scheme_len = n;
        text += n + 1;
    }
    if (end - text >= 2 && text[0] == '/' && text[1] == '/') {
        text += 2;
        n = 0;
        while (text + n < end && text[n] != '/' && text[n] != '?')
            n++;
        parts->has_authority = true;
        parts->authority = text;
        parts->authority_len = n;
        text += n;
    }
    const char *mark = memchr(text, '?', (size_t)(end - text));
    parts->path = text;
    parts->path_len = (size_t)((mark ? mark : end) - text);
    if (mark) {
        parts->has_query = true;
        parts->query = mark + 1;
        parts->query_len = (size_t)(end - mark) - 1;
    }
}

static int refuse(const char *text, size_t len, const char *why)
{
    int shown = len > 80 ? 80 : (int)len;
    for (int i = 0; i < shown; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            shown = i;
    return bide_raise(-EINVAL, "URL \"%.*s\": %s", shown, text, why);
}

static int check_characters(const char *text, size_t len)
{
    if (len > URL_MAX)
        return refuse(text, len, "longer than 65536 bytes");
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c == 0x7f)
            return refuse(text, len,
                          "a space or control character, which has to be "
                          "percent-encoded");
    }
    return 0;
}

/* ── Host and port ────────────────────────────────────────────────────── */

static int take_port(struct bide__url *url, const char *digits, size_t len)
{
    unsigned port = 0;
    for (size_t i = 0; i < len; i++) {
        if (digits[i] < '0' || digits[i] > '9' || port > 65535)
            return -EINVAL;
        port = port * 10 + (unsigned)(digits[i] - '0');
    }
    if (len > 0 && (port == 0 || port > 65535))
        return -EINVAL;
    if (len > 0)
        url->port = (int)port;
    return 0;
}

static bool is_host_name(const char *host, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = host[i];
        if (!is_unreserved((unsigned char)c) || c == '~')
            return false;
    }
    return len > 0 && len <= HOST_MAX && host[0] != '.';
}

/* "host:port" without user. The name goes to url->host in small letters. */
static int take_host(struct bide__url *url, const char *text, size_t len,
                     char *out)
{
    const char *end = text + len;
    const char *host = text, *colon;
    size_t host_len;
    if (len > 0 && text[0] == '[') {
        const char *bracket = memchr(text, ']', len);
        struct in6_addr address;
        host_len = bracket ? (size_t)(bracket - text) - 1 : 0;
        if (!bracket || host_len >= INET6_ADDRSTRLEN)
            return -EINVAL;
        memcpy(out, text + 1, host_len);
        out[host_len] = '\0';
        if (inet_pton(AF_INET6, out, &address) != 1)
            return -EINVAL;
        url->literal = true;
        colon = bracket + 1;
        if (colon < end && *colon != ':')
            return -EINVAL;
    } else {
        colon = memchr(text, ':', len);
        if (!colon)
            colon = end;
        host_len = (size_t)(colon - host);
        if (!is_host_name(host, host_len))
            return -EINVAL;
        memcpy(out, host, host_len);
        out[host_len] = '\0';
    }
    for (char *c = out; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c |= 0x20;
    url->host = out;
    return colon < end ? take_port(url, colon + 1, (size_t)(end - colon) - 1)
                       : 0;
}

/* Undo percent-encoding. Returns the length, or -1 for what is none, or hides
 * a control character. */
static ssize_t unquote(const char *text, size_t len, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '%') {
            int high = i + 2 < len ? hex_value(text[i + 1]) : -1;
            int low = i + 2 < len ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return -1;
            c = (unsigned char)(high * 16 + low);
            i += 2;
        }
        if (c < ' ' || c == 0x7f)
            return -1;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return (ssize_t)n;
}

static int take_user(struct bide__url *url, const char *text, size_t len,
                     char *out)
{
    const char *colon = memchr(text, ':', len);
    size_t name_len = colon ? (size_t)(colon - text) : len;
    ssize_t n = unquote(text, name_len, out);
    if (n < 0 || memchr(out, ':', (size_t)n))
        return -EINVAL;
    url->user = out;
    out += n + 1;
    n = colon ? unquote(colon + 1, len - name_len - 1, out) : 0;
    if (n < 0)
        return -EINVAL;
    out[n] = '\0';
    url->password = out;
    return 0;
}

/* ── The target ───────────────────────────────────────────────────────── */

/* Copy a path or query; what may not stand there is percent-encoded. */
static size_t put_encoded(char *out, const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x80 || strchr("\"<>\\^`{|}", c))
            n += put_escape(out + n, c);
        else
            out[n++] = (char)c;
    }
    return n;
}

/* RFC 3986, 5.2.4, in place. The path begins with a slash. */
static size_t remove_dots(char *path, size_t len)
{
    size_t in = 0, out = 0;
    while (in < len) { /* at a slash */
        size_t segment = 1;
        while (in + segment < len && path[in + segment] != '/')
            segment++;
        bool last = in + segment == len;
        if (segment == 2 && path[in + 1] == '.') {
            if (last)
                path[out++] = '/';
        } else if (segment == 3 && path[in + 1] == '.' &&
                   path[in + 2] == '.') {
            while (out > 0 && path[--out] != '/')
                ;
            if (last)
                path[out++] = '/';
        } else {
            memmove(path + out, path + in, segment);
            out += segment;
        }
        in += segment;
    }
    return out;
}

/* ── Together ─────────────────────────────────────────────────────────── */

static int take_authority(struct bide__url *url, const struct parts *parts,
                          char *host, char *user)
{
    const char *text = parts->authority;
    size_t len = parts->authority_len;
    const char *at = memrchr(text, '@', len);
    if (at) {
        size_t user_len = (size_t)(at - text);
        if (memchr(text, '@', user_len) ||
            take_user(url, text, user_len, user) < 0)
            return -EINVAL;
        text = at + 1;
        len -= user_len + 1;
    }
    return take_host(url, text, len, host);
}

static size_t put(char *out, const char *text)
{
    size_t len = strlen(text);
    memcpy(out, text, len);
    return len;
}

/* Write "scheme://host:port". */
static size_t put_origin(struct bide__url *url, char *out)
{
    size_t len = put(out, url->secure ? "https://" : "http://");
    url->authority = len;
    if (url->literal)
        out[len++] = '[';
    len += put(out + len, url->host);
    if (url->literal)
        out[len++] = ']';
    if (url->port != (url->secure ? 443 : 80)) {
        char digits[8];
        size_t n = sizeof digits;
        for (int port = url->port; port > 0; port /= 10)
            digits[--n] = (char)('0' + port % 10);
        out[len++] = ':';
        memcpy(out + len, digits + n, sizeof digits - n);
        len += sizeof digits - n;
    }
    return len;
}

/* Write the path of a reference, merged with that of its base. */
static size_t put_path(const struct parts *parts, const struct bide__url *base,
                       char *out)
{
    size_t len = 0;
    bool whole = parts->has_authority || !base ||
                 (parts->path_len > 0 && parts->path[0] == '/');
    if (!whole) {
        const char *target = base->text + base->target;
        size_t keep = strcspn(target, "?");
        if (parts->path_len > 0)
            while (target[keep - 1] != '/')
                keep--;
        memcpy(out, target, keep);
        len = keep;
    }
    len += put_encoded(out + len, parts->path, parts->path_len);
    if (len == 0)
        out[len++] = '/';
    return remove_dots(out, len);
}

static size_t put_target(const struct parts *parts,
                         const struct bide__url *base, char *out)
{
    size_t len = put_path(parts, base, out);
    if (parts->has_query) {
        out[len++] = '?';
        len += put_encoded(out + len, parts->query, parts->query_len);
    } else if (base && !parts->has_authority && parts->path_len == 0) {
        len += put(out + len, strchrnul(base->text + base->target, '?'));
    }
    out[len] = '\0';
    return len;
}

static int take_scheme(struct bide__url *url, const struct parts *parts,
                       const struct bide__url *base)
{
    url->secure = base && base->secure;
    if (parts->has_scheme) {
        url->secure = parts->scheme_len == 5 &&
                      strncasecmp(parts->scheme, "https", 5) == 0;
        if (!url->secure && (parts->scheme_len != 4 ||
                             strncasecmp(parts->scheme, "http", 4) != 0))
            return -EINVAL;
    }
    url->port = url->secure ? 443 : 80;
    return 0;
}

static int fill(struct bide__url *url, const char *text, size_t len,
                const struct bide__url *base)
{
    struct parts parts;
    split(text, len, &parts);
    if (parts.has_scheme || !base || parts.has_authority) {
        if ((!parts.has_scheme && !base) || take_scheme(url, &parts, base) < 0)
            return refuse(text, len, "the scheme is neither http nor https");
        if (!parts.has_authority)
            return refuse(text, len, "no \"//\" and host behind the scheme");
        char *host = url->text + 3 * len + 32;
        if (take_authority(url, &parts, host, host + len + 1) < 0)
            return refuse(text, len, "not a valid host, port or user");
    } else {
        (void)take_scheme(url, &parts, base);
        url->port = base->port;
        url->literal = base->literal;
        url->host = url->text + 3 * len + 32 + base->len;
        memcpy(url->host, base->host, strlen(base->host) + 1);
    }
    url->target = put_origin(url, url->text);
    url->len = url->target +
               put_target(&parts, parts.has_authority ? NULL : base,
                          url->text + url->target);
    return 0;
}

int bide__url_parse(struct bide__url *url, const char *text, size_t len,
                    const struct bide__url *base)
{
    *url = (struct bide__url){.text = NULL};
    int rc = check_characters(text, len);
    if (rc < 0)
        return rc;
    /* Each byte becomes three at most; then host, user and password. */
    size_t room = 5 * len + 64 + HOST_MAX;
    if (base)
        room += 2 * base->len + 1;
    url->text = bide_allocate(room);
    if (!url->text)
        return -ENOMEM;
    rc = fill(url, text, len, base);
    if (rc < 0)
        bide__url_free(url);
    return rc;
}

int bide__url_add_query(struct bide__url *url, const bide_http_pair *query)
{
    struct bide__bytes bytes = {.data = NULL};
    const char *mark = strchr(url->text + url->target, '?');
    if (!query || !query->name)
        return 0;
    int rc = bide__bytes_add(&bytes, url->text, url->len);
    if (rc == 0 && (!mark || mark[1]))
        rc = bide__bytes_add(&bytes, mark ? "&" : "?", 1);
    if (rc == 0)
        rc = bide__url_add_pairs(&bytes, query);
    if (rc == 0)
        rc = bide__bytes_add(&bytes, "", 1);
    struct bide__url with;
    if (rc == 0)
        rc = bide__url_parse(&with, bytes.data, bytes.len - 1, NULL);
    bide__bytes_free(&bytes);
    if (rc < 0)
        return rc;
    /* User and password lie in the old text. */
    with.before = url->text;
    with.user = url->user;
    with.password = url->password;
    *url = with;
    return 0;
}

bool bide__url_same_origin(const struct bide__url *a,
                           const struct bide__url *b)
{
    return a->target == b->target && memcmp(a->text, b->text, a->target) == 0;
}

void bide__url_free(struct bide__url *url)
{
    bide_release(url->before);
    bide_release(url->text);
    *url = (struct bide__url){.text = NULL};
}
