/* SPDX-License-Identifier: MIT */
/*
 * context.c — what connections share: certificates, trust, protocols.
 *
 * A context is immutable once it is open, but for the sessions it keeps,
 * which have a lock. Each connection holds a reference.
 */
#include <errno.h>
#include <openssl/err.h>
#include <string.h>

#include "tls/tls.h"

#define DEFAULT_TIMEOUT 60.0
#define ALPN_MAX 255 /* bytes of a protocol's name, RFC 7301 */

/* ── Protocols ────────────────────────────────────────────────────────── */

int bide__tls_alpn_wire(const char *text, unsigned char *wire)
{
    size_t len = strlen(text);
    for (size_t begin = 0; begin <= len;) {
        size_t name = strcspn(text + begin, ",");
        if (name == 0 || name > ALPN_MAX)
            return bide_raise(-EINVAL,
                              "alpn has a name of %zu bytes, must be 1 to %d: "
                              "%.80s",
                              name, ALPN_MAX, text);
        wire[begin] = (unsigned char)name;
        memcpy(wire + begin + 1, text + begin, name);
        begin += name + 1;
    }
    return 0;
}

static int set_alpn(bide_tls_context *context, const char *text)
{
    size_t len = strlen(text);
    context->alpn = bide_allocate(len + 1);
    if (!context->alpn)
        return -ENOMEM;
    context->alpn_len = (unsigned)len + 1;
    return bide__tls_alpn_wire(text, context->alpn);
}

/* The first of ours that the client has, too. Without any, the handshake
 * fails as RFC 7301 has it, if the program has said which there are. */
static int select_alpn(SSL *ssl, const unsigned char **ret,
                       unsigned char *ret_len, const unsigned char *theirs,
                       unsigned theirs_len, void *arg)
{
    const bide_tls_context *context = arg;
    const struct bide__tls *tls = SSL_get_app_data(ssl);
    const unsigned char *ours = context->alpn ? context->alpn : tls->offer;
    unsigned len = context->alpn ? context->alpn_len : tls->offer_len;
    unsigned char *found;
    int chosen = len > 0 ? SSL_select_next_proto(&found, ret_len, ours, len,
                                                 theirs, theirs_len)
                         : OPENSSL_NPN_NO_OVERLAP;
    if (chosen == OPENSSL_NPN_NEGOTIATED) {
        *ret = found;
        return SSL_TLSEXT_ERR_OK;
    }
    return context->alpn ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;
}

static int apply_alpn(bide_tls_context *context, const char *text)
{
    int rc = set_alpn(context, text);
    if (rc < 0)
        return rc;
    if (!context->security.server &&
        SSL_CTX_set_alpn_protos(context->ssl, context->alpn,
                                context->alpn_len) != 0)
        return -ENOMEM;
    return 0;
}

/* ── Certificates and trust ───────────────────────────────────────────── */

/* Without this, OpenSSL asks the terminal. */
static int give_password(char *buf, int size, int writing, void *data)
{
    size_t len = data ? strlen(data) : 0;
    (void)writing;
    if (len > (size_t)size)
        return -1;
    memcpy(buf, data ? data : "", len);
    return (int)len;
}

static int load_own(SSL_CTX *ssl, const bide_tls_options *options)
{
    const char *key = options->key ? options->key : options->certificate;
    SSL_CTX_set_default_passwd_cb(ssl, give_password);
    SSL_CTX_set_default_passwd_cb_userdata(
        ssl, (void *)(uintptr_t)options->password);
    int rc = 0;
    if (SSL_CTX_use_certificate_chain_file(ssl, options->certificate) != 1)
        rc = bide__tls_raise("certificate", options->certificate);
    else if (SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) != 1)
        rc = bide__tls_raise("key", key);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, NULL);
    return rc;
}

static int load_trust(SSL_CTX *ssl, const bide_tls_options *options)
{
    if (!options->trust)
        return SSL_CTX_set_default_verify_paths(ssl) == 1 ? 0 : -ENOMEM;
    if (SSL_CTX_load_verify_locations(ssl, options->trust, NULL) == 1)
        return 0;
    return bide__tls_raise("trust", options->trust);
}

static int prepare_server(bide_tls_context *context,
                          const bide_tls_options *options)
{
    static const unsigned char name[] = "bide";
    if (!options->certificate)
        return bide_raise(-EINVAL, "certificate is NULL, must be the file of "
                                   "the server's own");
    SSL_CTX_set_alpn_select_cb(context->ssl, select_alpn, context);
    if (options->require_certificate)
        SSL_CTX_set_verify(context->ssl,
                           SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                           NULL);
    /* Sessions of clients that showed a certificate need a name. */
    (void)SSL_CTX_set_session_id_context(context->ssl, name, sizeof name - 1);
    return 0;
}

static int prepare_client(bide_tls_context *context,
                          const bide_tls_options *options)
{
    context->insecure = options->insecure;
    SSL_CTX_set_verify(context->ssl,
                       options->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
                       NULL);
    bide__tls_keep_sessions(context);
    return 0;
}

static int prepare(bide_tls_context *context, const bide_tls_options *options)
{
    SSL_CTX *ssl = context->ssl;
    int least = options->least_version;
    (void)SSL_CTX_set_min_proto_version(
        ssl, least == 13 ? TLS1_3_VERSION : TLS1_2_VERSION);
    (void)SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION |
                                       SSL_OP_NO_COMPRESSION |
                                       SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ssl, 1);
    int rc = context->security.server ? prepare_server(context, options)
                                      : prepare_client(context, options);
    if (rc == 0 && options->certificate)
        rc = load_own(ssl, options);
    if (rc == 0 && (options->trust || !context->security.server))
        rc = load_trust(ssl, options);
    if (rc == 0 && options->alpn)
        rc = apply_alpn(context, options->alpn);
    return rc;
}

/* ── Opening and closing ──────────────────────────────────────────────── */

static int secure(const bide_security *security, bide_stream *stream,
                  const char *host)
{
    return bide_stream_start_tls(stream, (const bide_tls_context *)security,
                                 host);
}

static int secure_for(const bide_security *security, bide_stream *stream,
                      const char *host, const char *protocols)
{
    return bide__tls_start(stream, (const bide_tls_context *)security, host,
                           protocols);
}

static int check(const bide_tls_options *options)
{
    int least = options->least_version;
    if (least != 0 && least != 12 && least != 13)
        return bide_raise(-EINVAL, "least_version is %d, must be 12 or 13",
                          least);
    if (!(options->handshake_timeout >= 0))
        return bide_raise(-EINVAL,
                          "handshake_timeout is %g s, must be at least 0",
                          options->handshake_timeout);
    return 0;
}

static int open_context(const bide_tls_options *options, bool server,
                        bide_tls_context **ret_context)
{
    static const bide_tls_options defaults;
    if (!options)
        options = &defaults;
    int rc = check(options);
    if (rc < 0)
        return rc;
    bide_tls_context *context = bide_allocate(sizeof *context);
    if (!context)
        return -ENOMEM;
    memset(context, 0, sizeof *context);
    context->security.size = sizeof context->security;
    context->security.secure = secure;
    context->security.secure_for = secure_for;
    context->security.server = server;
    atomic_init(&context->refs, 1);
    context->handshake_timeout = options->handshake_timeout > 0
                                     ? options->handshake_timeout
                                     : DEFAULT_TIMEOUT;
    pthread_mutex_init(&context->lock, NULL);
    ERR_clear_error();
    context->ssl =
        SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    rc = context->ssl ? prepare(context, options) : -ENOMEM;
    if (rc < 0)
        bide_tls_close(context);
    else
        *ret_context = context;
    return rc;
}

int bide_tls_open_client(const bide_tls_options *options,
                         bide_tls_context **ret_context)
{
    return open_context(options, false, ret_context);
}

int bide_tls_open_server(const bide_tls_options *options,
                         bide_tls_context **ret_context)
{
    return open_context(options, true, ret_context);
}

/* A reference changes nothing that its users see. */
bide_tls_context *bide__tls_ref(const bide_tls_context *context)
{
    bide_tls_context *own = (bide_tls_context *)(uintptr_t)context;
    atomic_fetch_add(&own->refs, 1);
    return own;
}

void bide_tls_close(bide_tls_context *context)
{
    if (!context || atomic_fetch_sub(&context->refs, 1) > 1)
        return;
    bide__tls_drop_sessions(context);
    SSL_CTX_free(context->ssl);
    pthread_mutex_destroy(&context->lock);
    bide_release(context->alpn);
    bide_release(context);
}
