/* SPDX-License-Identifier: MIT */
/*
 * session.c — sessions that clients may resume: no certificates, and in TLS
 * 1.2 a round trip less.
 *
 * One session a host is kept, the newest; a connection that offers it takes
 * it away, since a ticket used twice tells an observer that both connections
 * are of the same client (RFC 8446, C.4). Servers send new ones at once.
 */
#include <string.h>

#include "tls/tls.h"

static void drop(struct bide__tls_kept *kept)
{
    bide_release(kept->host);
    SSL_SESSION_free(kept->session);
    *kept = (struct bide__tls_kept){.host = NULL};
}

/* The place of a host, or NULL. */
static struct bide__tls_kept *find(bide_tls_context *context, const char *host)
{
    for (size_t i = 0; i < BIDE__TLS_SESSIONS; i++) {
        struct bide__tls_kept *kept = &context->kept[i];
        if (kept->host && strcmp(kept->host, host) == 0)
            return kept;
    }
    return NULL;
}

static char *copy(const char *text)
{
    size_t size = strlen(text) + 1;
    char *memory = bide_allocate(size);
    return memory ? memcpy(memory, text, size) : NULL;
}

/* Called by OpenSSL; 1 means that the session is ours now. */
static int keep(SSL *ssl, SSL_SESSION *session)
{
    struct bide__tls *tls = SSL_get_app_data(ssl);
    bide_tls_context *context = tls->context;
    if (!tls->host || !SSL_SESSION_is_resumable(session))
        return 0;
    char *host = copy(tls->host);
    if (!host)
        return 0;
    pthread_mutex_lock(&context->lock);
    struct bide__tls_kept *kept = find(context, host);
    if (!kept) {
        kept = &context->kept[context->oldest];
        context->oldest = (context->oldest + 1) % BIDE__TLS_SESSIONS;
    }
    drop(kept);
    kept->host = host;
    kept->session = session;
    pthread_mutex_unlock(&context->lock);
    return 1;
}

void bide__tls_keep_sessions(bide_tls_context *context)
{
    SSL_CTX_set_session_cache_mode(
        context->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context->ssl, keep);
}

void bide__tls_offer_session(struct bide__tls *tls)
{
    bide_tls_context *context = tls->context;
    pthread_mutex_lock(&context->lock);
    struct bide__tls_kept *kept = find(context, tls->host);
    if (kept) {
        (void)SSL_set_session(tls->ssl, kept->session);
        drop(kept);
    }
    pthread_mutex_unlock(&context->lock);
}

void bide__tls_drop_sessions(bide_tls_context *context)
{
    for (size_t i = 0; i < BIDE__TLS_SESSIONS; i++)
        drop(&context->kept[i]);
}
