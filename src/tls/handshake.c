/* SPDX-License-Identifier: MIT */
/*
 * handshake.c — how a secure connection begins, and what was agreed.
 */
#include <arpa/inet.h>
#include <bide/timeout.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "tls/tls.h"

#define HOST_MAX 253 /* bytes of a host's name, RFC 1035 */

/* ── A new connection ─────────────────────────────────────────────────── */

static bool is_address(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, address) == 1 ||
           inet_pton(AF_INET6, host, address) == 1;
}

/* Whom the certificate must name, and, for names, whom to ask for. */
static int expect(struct bide__tls *tls)
{
    SSL *ssl = tls->ssl;
    int ok;
    if (is_address(tls->host))
        ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), tls->host);
    else
        ok = SSL_set1_host(ssl, tls->host) &&
             SSL_set_tlsext_host_name(ssl, tls->host);
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return ok ? 0 : bide__tls_raise("the name", tls->host);
}

static int set_host(struct bide__tls *tls, const char *host)
{
    size_t len = strlen(host);
    if (len == 0 || len > HOST_MAX)
        return bide_raise(-EINVAL, "host is %zu bytes, must be 1 to %d", len,
                          HOST_MAX);
    tls->host = bide_allocate(len + 1);
    if (!tls->host)
        return -ENOMEM;
    memcpy(tls->host, host, len + 1);
    return expect(tls);
}

/* What a library can speak, where the program has not said. */
static int offer(struct bide__tls *tls, const char *protocols)
{
    if (!protocols || tls->context->alpn)
        return 0;
    size_t len = strlen(protocols) + 1;
    if (len > sizeof tls->offer)
        return bide_raise(-EINVAL, "protocols are %zu bytes, at most %zu",
                          len - 1, sizeof tls->offer - 1);
    tls->offer_len = (unsigned)len;
    int rc = bide__tls_alpn_wire(protocols, tls->offer);
    if (rc == 0 && !tls->context->security.server &&
        SSL_set_alpn_protos(tls->ssl, tls->offer, tls->offer_len) != 0)
        rc = -ENOMEM;
    return rc;
}

static int set_up(struct bide__tls *tls, const char *host,
                  const char *protocols)
{
    ERR_clear_error();
    tls->ssl = SSL_new(tls->context->ssl);
    BIO *bio = tls->ssl ? bide__tls_bio(tls) : NULL;
    if (!bio)
        return -ENOMEM;
    SSL_set_bio(tls->ssl, bio, bio);
    (void)SSL_set_app_data(tls->ssl, tls);
    int rc = offer(tls, protocols);
    if (rc < 0)
        return rc;
    if (tls->context->security.server) {
        SSL_set_accept_state(tls->ssl);
        return 0;
    }
    SSL_set_connect_state(tls->ssl);
    rc = set_host(tls, host);
    if (rc == 0)
        bide__tls_offer_session(tls);
    return rc;
}

struct bide__tls *bide__tls_new(const bide_tls_context *context,
                                const char *host, const char *protocols,
                                int *ret_code)
{
    struct bide__tls *tls = bide_allocate(sizeof *tls);
    *ret_code = -ENOMEM;
    if (!tls)
        return NULL;
    memset(tls, 0, sizeof *tls);
    tls->context = bide__tls_ref(context);
    *ret_code = set_up(tls, host, protocols);
    if (*ret_code == 0)
        return tls;
    bide__tls_release(tls);
    return NULL;
}

/* ── Shaking hands ────────────────────────────────────────────────────── */

/* The one step after the other, until both are content. A failure is told to
 * the peer before it is returned. */
static int shake(struct bide__tls *tls, bide_stream *lower)
{
    for (;;) {
        ERR_clear_error();
        int done = SSL_do_handshake(tls->ssl);
        int error = SSL_get_error(tls->ssl, done);
        bide__tls_taken(tls, lower);
        int failed = done == 1 || error == SSL_ERROR_WANT_READ
                         ? 0
                         : bide__tls_failed(tls, error);
        if (failed < 0) {
            bide__tls_send_now(tls, lower);
            return failed;
        }
        int rc = bide__tls_flush(tls, lower);
        if (rc == 0 && done != 1)
            rc = bide__tls_wait(tls, lower);
        if (rc < 0 || done == 1)
            return rc;
    }
}

static void note_peer(struct bide__tls *tls)
{
    X509 *certificate = SSL_get0_peer_certificate(tls->ssl);
    BIO *text = certificate ? BIO_new(BIO_s_mem()) : NULL;
    if (!text)
        return;
    (void)X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0,
                             XN_FLAG_RFC2253);
    int n = BIO_read(text, tls->peer, sizeof tls->peer - 1);
    tls->peer[n > 0 ? n : 0] = '\0';
    BIO_free(text);
}

int bide__tls_handshake(void *state, bide_stream *lower)
{
    struct bide__tls *tls = state;
    double seconds = tls->context->handshake_timeout;
    bide_timeout timeout;
    bide_timeout_enter(&timeout, seconds);
    int rc = bide_timeout_exit(&timeout, shake(tls, lower));
    if (rc == -ETIME && bide_timeout_expired(&timeout))
        rc = bide_raise(-ETIME, "no TLS handshake within %g s", seconds);
    if (rc < 0) {
        tls->code = rc;
        return rc;
    }
    tls->ready = true;
    note_peer(tls);
    return 0;
}

int bide__tls_start(bide_stream *stream, const bide_tls_context *context,
                    const char *host, const char *protocols)
{
    if (!context)
        return bide_raise(-EINVAL, "context is NULL, must be a TLS context");
    if (!host && !context->security.server)
        return bide_raise(-EINVAL, "host is NULL, must be the name that the "
                                   "server has to prove");
    int rc;
    struct bide__tls *tls = bide__tls_new(context, host, protocols, &rc);
    return tls ? bide_stream_put_transport(stream, &bide__tls_transport, tls)
               : rc;
}

int bide_stream_start_tls(bide_stream *stream, const bide_tls_context *context,
                          const char *host)
{
    return bide__tls_start(stream, context, host, NULL);
}

/* ── What was agreed ──────────────────────────────────────────────────── */

/* OpenSSL does not terminate it by a NUL. */
static const char *alpn_of(struct bide__tls *tls)
{
    const unsigned char *name;
    unsigned len;
    SSL_get0_alpn_selected(tls->ssl, &name, &len);
    memcpy(tls->alpn, len ? (const void *)name : "", len);
    tls->alpn[len] = '\0';
    return tls->alpn;
}

int bide_stream_tls_info(const bide_stream *stream, bide_tls_info *ret_info)
{
    struct bide__tls *tls =
        bide_stream_transport_state(stream, &bide__tls_transport);
    if (!tls || !tls->ready)
        return -ENOTCONN;
    const char *asked = SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);
    *ret_info = (bide_tls_info){
        .version = SSL_get_version(tls->ssl),
        .cipher = SSL_get_cipher_name(tls->ssl),
        .alpn = alpn_of(tls),
        .host = asked ? asked : "",
        .peer = tls->peer,
        .resumed = SSL_session_reused(tls->ssl),
    };
    return 0;
}
