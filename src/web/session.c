/* SPDX-License-Identifier: MIT */
/*
 * session.c — values that a client keeps, signed.
 *
 *     cookie = base64url(values) "." time in seconds "." HMAC-SHA256 of both
 *
 * Values are written as a query is. The HMAC is OpenSSL's, and is compared in
 * a time that does not depend on where a difference is. Nothing is parsed
 * before the signature was found right.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "web/web.h"

#define VALUES_MAX 64
#define TEXT_MAX 3000   /* of all values; base64 makes 4,000 of it */
#define COOKIE_MAX 4096
#define SECRET_MIN 16
#define AGE ((int64_t)14 * 24 * 3600)
#define MAC 32

struct bide__web_session {
    const bide_web_session_options *options;
    struct bide__web_pairs values;
    bool changed;
    bool came; /* with the request */
};

static const char *name_of(const bide_web_session_options *options)
{
    return options->cookie ? options->cookie : "session";
}

static int64_t age_of(const bide_web_session_options *options)
{
    return options->max_age ? options->max_age : AGE;
}

/* ── Signing ──────────────────────────────────────────────────────────── */

/* Hexadecimal, with a NUL. */
static int sign(const bide_web_session_options *options, const char *text,
                size_t len, char ret_mac[2 * MAC + 1])
{
    unsigned char mac[MAC];
    unsigned mac_len = 0;
    if (!HMAC(EVP_sha256(), options->secret, (int)strlen(options->secret),
              (const unsigned char *)text, len, mac, &mac_len) ||
        mac_len != MAC)
        return bide_raise(-EIO, "a session could not be signed");
    for (size_t i = 0; i < MAC; i++)
        snprintf(ret_mac + 2 * i, 3, "%02x", mac[i]);
    return 0;
}

/* base64 without what cookies and URLs give a meaning to, in place. */
static void to_url(char *text)
{
    for (; *text; text++) {
        if (*text == '+')
            *text = '-';
        else if (*text == '/')
            *text = '_';
        else if (*text == '=')
            *text = '~';
    }
}

static void from_url(char *text)
{
    for (; *text; text++) {
        if (*text == '-')
            *text = '+';
        else if (*text == '_')
            *text = '/';
        else if (*text == '~')
            *text = '=';
    }
}

/* ── Reading ──────────────────────────────────────────────────────────── */

static bool is_fresh(const bide_web_session_options *options, const char *text)
{
    int64_t then = strtoll(text, NULL, 10);
    int64_t now = (int64_t)time(NULL);
    return then <= now + 60 && now - then <= age_of(options);
}

/* "values.time.mac", a copy. Returns 0 also for one that is not good. */
static int parse(bide_web_request *request, struct bide__web_session *session,
                 char *text)
{
    char mac[2 * MAC + 1];
    unsigned char values[TEXT_MAX + 3];
    char *last = strrchr(text, '.');
    if (!last || strlen(last + 1) != 2 * MAC)
        return 0;
    *last = '\0';
    int rc = sign(session->options, text, (size_t)(last - text), mac);
    if (rc < 0)
        return rc;
    char *dot = strrchr(text, '.');
    if (CRYPTO_memcmp(mac, last + 1, 2 * MAC) != 0 || !dot ||
        !is_fresh(session->options, dot + 1))
        return 0;
    *dot = '\0';
    from_url(text);
    size_t len = (size_t)(dot - text);
    if (len > TEXT_MAX * 4 / 3 || len % 4 != 0)
        return 0;
    int n = EVP_DecodeBlock(values, (const unsigned char *)text, (int)len);
    while (n > 0 && len > 0 && text[len - 1] == '=') { /* it counts these */
        n--;
        len--;
    }
    return n < 0 ? 0
                 : bide__web_parse_pairs(&request->arena,
                                         (const char *)values, (size_t)n,
                                         &session->values);
}

static int read_session(bide_web_request *request,
                        struct bide__web_session *session)
{
    const char *text =
        bide_web_request_cookie(request, name_of(session->options));
    if (!text || strlen(text) > COOKIE_MAX)
        return 0;
    char *copy = bide_arena_copy(&request->arena, text, strlen(text));
    if (!copy)
        return -ENOMEM;
    session->came = true;
    return parse(request, session, copy);
}

/* ── Writing ──────────────────────────────────────────────────────────── */

static size_t quote(char *to, size_t used, const char *text)
{
    for (; *text && used + 4 < TEXT_MAX; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                     (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
        if (plain)
            to[used++] = (char)c;
        else
            used += (size_t)snprintf(to + used, 4, "%%%02X", c);
    }
    return *text ? TEXT_MAX : used; /* TEXT_MAX: it does not fit */
}

static size_t write_values(const struct bide__web_session *session, char *to)
{
    size_t used = 0;
    for (size_t i = 0; i < session->values.count && used < TEXT_MAX; i++) {
        const struct bide__web_pair *pair = &session->values.all[i];
        if (!pair->value)
            continue;
        if (used > 0)
            to[used++] = '&';
        used = quote(to, used, pair->name);
        if (used < TEXT_MAX - 1)
            to[used++] = '=';
        used = used < TEXT_MAX ? quote(to, used, pair->value) : used;
    }
    return used;
}

static int set_cookie(bide_web_request *request,
                      const bide_web_session_options *own, const char *value)
{
    const bide_web_cookie_options options = {
        .max_age = age_of(own),
        .same_site = own->same_site,
        .secure = own->secure,
    };
    return bide_web_reply_cookie(request, name_of(own), value, &options);
}

static int write_session(bide_web_request *request, void *arg)
{
    const struct bide__web_session *session = arg;
    char values[TEXT_MAX + 8], text[COOKIE_MAX + 2 * MAC];
    if (!session->changed)
        return 0;
    size_t len = write_values(session, values);
    if (len >= TEXT_MAX)
        return bide_raise(-E2BIG, "the session has more than %d bytes",
                          TEXT_MAX);
    if (len == 0)
        return session->came ? set_cookie(request, session->options, NULL) : 0;
    int n = EVP_EncodeBlock((unsigned char *)text,
                            (const unsigned char *)values, (int)len);
    to_url(text);
    n += snprintf(text + n, 32, ".%lld", (long long)time(NULL));
    text[n] = '.';
    int rc = sign(session->options, text, (size_t)n, text + n + 1);
    return rc < 0 ? rc : set_cookie(request, session->options, text);
}

/* ── Using ────────────────────────────────────────────────────────────── */

int bide_web_sessions(bide_web_request *request, void *arg)
{
    const bide_web_session_options *options = arg;
    if (!options->secret || strlen(options->secret) < SECRET_MIN)
        return bide_raise(-EINVAL, "the secret of sessions must have at least "
                                   "%d bytes", SECRET_MIN);
    struct bide__web_session *session =
        bide_arena_allocate(&request->arena, sizeof *session);
    if (!session)
        return -ENOMEM;
    *session = (struct bide__web_session){.options = options};
    int rc = read_session(request, session);
    if (rc == 0)
        rc = bide_web_on_reply(request, write_session, session);
    if (rc < 0)
        return rc;
    request->session = session;
    return bide_web_next(request);
}

const char *bide_web_session(const bide_web_request *request, const char *key)
{
    if (!request->session)
        return NULL;
    const struct bide__web_pair *pair =
        bide__web_pair(&request->session->values, key, 0);
    return pair ? pair->value : NULL;
}

static struct bide__web_pair *find(struct bide__web_pairs *values,
                                   const char *key)
{
    for (size_t i = 0; i < values->count; i++)
        if (strcmp(values->all[i].name, key) == 0)
            return &values->all[i];
    return NULL;
}

/* Room for one more. */
static struct bide__web_pair *add(bide_web_request *request, const char *key)
{
    struct bide__web_pairs *values = &request->session->values;
    struct bide__web_pair *all = bide_arena_allocate(
        &request->arena, (values->count + 1) * sizeof *all);
    const char *copy = bide_arena_copy(&request->arena, key, strlen(key));
    if (!all || !copy)
        return NULL;
    if (values->count > 0)
        memcpy(all, values->all, values->count * sizeof *all);
    values->all = all;
    all[values->count] = (struct bide__web_pair){.name = copy};
    return &all[values->count++];
}

int bide_web_session_set(bide_web_request *request, const char *key,
                         const char *value)
{
    struct bide__web_session *session = request->session;
    if (!session)
        return bide_raise(-EINVAL, "there is no session; put "
                                   "bide_web_sessions() around the handler");
    struct bide__web_pair *pair = find(&session->values, key);
    if (!pair && session->values.count == VALUES_MAX)
        return bide_raise(-E2BIG, "a session has at most %d values",
                          VALUES_MAX);
    if (!pair)
        pair = add(request, key);
    const char *copy =
        value ? bide_arena_copy(&request->arena, value, strlen(value)) : NULL;
    if (!pair || (value && !copy))
        return -ENOMEM;
    pair->value = copy;
    session->changed = true;
    return 0;
}
