/* SPDX-License-Identifier: MIT */
/*
 * headers.c — the headers of a request: ours, the session's, the caller's.
 *
 * A header of the caller's replaces the session's and ours of its name. Those
 * that say where a message ends are ours alone. Credentials, and cookies that
 * the caller wrote itself, stay with the origin that they were meant for.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "http/client/client.h"

/* ── Checks ───────────────────────────────────────────────────────────── */

static const char *const ours[] = {
    "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive",
    "Upgrade",        "Expect",            "TE",         "Trailer",
};

int bide__header_check(const bide_http_pair *header)
{
    const char *name = header->name;
    const char *value = header->value;
    size_t len = strlen(name);
    if (!bide__http_is_token(name, len))
        return bide_raise(-EINVAL, "a header's name is no token");
    if (!value || !bide__http_is_value(value, strlen(value)))
        return bide_raise(-EINVAL, "the value of header %.80s holds a control "
                                   "character",
                          name);
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (strcasecmp(name, ours[i]) == 0)
            return bide_raise(-EINVAL, "header %s is not for callers to set",
                              ours[i]);
    return 0;
}

static bool is_secret(const char *name)
{
    return strcasecmp(name, "Authorization") == 0 ||
           strcasecmp(name, "Cookie") == 0 ||
           strcasecmp(name, "Proxy-Authorization") == 0;
}

/* ── Writing ──────────────────────────────────────────────────────────── */

/* A line of two texts. */
static int add_joined(struct bide__bytes *out, const char *begin,
                      const char *end)
{
    size_t begin_len = strlen(begin), end_len = strlen(end);
    int rc = bide__bytes_reserve(out, begin_len + end_len + 2);
    if (rc < 0)
        return rc;
    char *at = out->data + out->len;
    memcpy(at, begin, begin_len);
    memcpy(at + begin_len, end, end_len);
    memcpy(at + begin_len + end_len, "\r\n", 2);
    out->len += begin_len + end_len + 2;
    return 0;
}

static int add(struct bide__bytes *out, const char *name, const char *value)
{
    size_t len = out->len;
    int rc = bide__bytes_add(out, name, strlen(name));
    if (rc == 0)
        rc = bide__bytes_add(out, ": ", 2);
    if (rc == 0)
        rc = add_joined(out, "", value);
    if (rc < 0)
        out->len = len;
    return rc;
}

int bide__basic_add(struct bide__bytes *out, const char *user,
                    const char *password)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
                                  "qrstuvwxyz0123456789+/";
    size_t user_len = strlen(user);
    size_t len = user_len + 1 + strlen(password);
    int rc = bide__bytes_reserve(out, len / 3 * 4 + 16);
    if (rc < 0)
        return rc;
    (void)bide__bytes_add(out, "Basic ", 6);
    for (size_t i = 0; i < len; i += 3) {
        unsigned bits = 0;
        for (size_t k = i; k < i + 3; k++) {
            char c = '\0';
            if (k < user_len)
                c = user[k];
            else if (k < len)
                c = k == user_len ? ':' : password[k - user_len - 1];
            bits = bits << 8 | (unsigned char)c;
        }
        char *at = out->data + out->len;
        at[0] = letters[bits >> 18];
        at[1] = letters[bits >> 12 & 63];
        at[2] = i + 1 < len ? letters[bits >> 6 & 63] : '=';
        at[3] = i + 2 < len ? letters[bits & 63] : '=';
        out->len += 4;
    }
    return 0;
}

static int add_basic(struct bide__bytes *out, const char *name,
                     const char *user, const char *password)
{
    int rc = bide__bytes_add(out, name, strlen(name));
    if (rc == 0)
        rc = bide__basic_add(out, user, password ? password : "");
    return rc < 0 ? rc : bide__bytes_add(out, "\r\n", 2);
}

static int add_authorization(const struct bide__call *call,
                             struct bide__bytes *out)
{
    const bide_http_fetch_options *options = call->options;
    if (options->bearer && !call->foreign)
        return add_joined(out, "Authorization: Bearer ", options->bearer);
    if (options->user && !call->foreign)
        return add_basic(out, "Authorization: ", options->user,
                         options->password);
    if (call->url.user)
        return add_basic(out, "Authorization: ", call->url.user,
                         call->url.password);
    return 0;
}

static const char *find(const bide_http_pair *headers, const char *name)
{
    for (; headers && headers->name; headers++)
        if (strcasecmp(headers->name, name) == 0)
            return headers->value;
    return NULL;
}

static const char *find_of_session(const bide_http_session *session,
                                   const char *name)
{
    const char *at = session->headers.data;
    const char *end = at + session->headers.len;
    while (at < end) {
        const char *value = at + strlen(at) + 1;
        if (strcasecmp(at, name) == 0)
            return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}

static bool lacks(const struct bide__call *call, const char *name)
{
    return !find(call->options->headers, name) &&
           (call->session->headers.len == 0 ||
            !find_of_session(call->session, name));
}

static int add_given(const struct bide__call *call, struct bide__bytes *out)
{
    const bide_http_pair *headers = call->options->headers;
    int rc = 0;
    for (; rc == 0 && headers && headers->name; headers++) {
        bool dropped = (call->foreign && is_secret(headers->name)) ||
                       (call->no_body &&
                        strcasecmp(headers->name, "Content-Type") == 0) ||
                       strcasecmp(headers->name, "Host") == 0;
        if (!dropped)
            rc = add(out, headers->name, headers->value);
    }
    const struct bide__bytes *kept = &call->session->headers;
    for (size_t at = 0; rc == 0 && at < kept->len;) {
        const char *name = kept->data + at;
        const char *value = name + strlen(name) + 1;
        if (!find(call->options->headers, name) &&
            strcasecmp(name, "Host") != 0 &&
            !(call->foreign && is_secret(name)))
            rc = add(out, name, value);
        at = (size_t)(value + strlen(value) + 1 - kept->data);
    }
    return rc;
}

static int add_cookies(struct bide__call *call, struct bide__bytes *out)
{
    static const char name[] = "Cookie: ";
    size_t len = out->len;
    int rc = bide__bytes_add(out, name, sizeof name - 1);
    if (rc == 0)
        rc = bide__jar_write(call->session, &call->url, out);
    if (rc == 0 && out->len > len + sizeof name - 1)
        return bide__bytes_add(out, "\r\n", 2);
    out->len = len;
    return rc;
}

static int add_ours(struct bide__call *call, struct bide__bytes *out)
{
    int rc = 0;
    if (lacks(call, "User-Agent"))
        rc = add_joined(out, "User-Agent: bide/", bide_version());
    if (rc == 0 && lacks(call, "Accept"))
        rc = add_joined(out, "Accept: */*", "");
    if (rc == 0 && call->decode && lacks(call, "Accept-Encoding"))
        rc = add_joined(out, "Accept-Encoding: gzip, deflate, br, zstd", "");
    if (rc == 0 && lacks(call, "Authorization"))
        rc = add_authorization(call, out);
    if (rc == 0 && call->session->jar && lacks(call, "Cookie"))
        rc = add_cookies(call, out);
    if (rc == 0 && call->content.type && !call->no_body &&
        lacks(call, "Content-Type"))
        rc = add_joined(out, "Content-Type: ", call->content.type);
    return rc;
}

int bide__headers_write(struct bide__call *call, struct bide__bytes *out)
{
    int rc = add_ours(call, out);
    return rc < 0 ? rc : add_given(call, out);
}

const char *bide__headers_host(const struct bide__call *call)
{
    const char *host = find(call->options->headers, "Host");
    return call->foreign ? NULL : host;
}
