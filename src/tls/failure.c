/* SPDX-License-Identifier: MIT */
/*
 * failure.c — errors of OpenSSL as ours: a code, and a message that says what
 * was refused and why.
 */
#include <errno.h>
#include <openssl/err.h>

#include "tls/tls.h"

/* The reason of OpenSSL's oldest error, which is where the trouble began. */
static const char *reason(void)
{
    unsigned long error = ERR_peek_error();
    const char *text = error ? ERR_reason_error_string(error) : NULL;
    return text ? text : "no reason is known";
}

int bide__tls_raise(const char *what, const char *name)
{
    bool no_memory = ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE;
    int code = no_memory ? -ENOMEM : BIDE_E_TLS;
    code = bide_raise(code, "%s %.100s: %s", what, name, reason());
    ERR_clear_error();
    return code;
}

static int refused(struct bide__tls *tls, long verdict)
{
    return bide_raise(BIDE_E_TLS_CERTIFICATE,
                      "the certificate of %.80s was refused: %s",
                      tls->host ? tls->host : "the client",
                      X509_verify_cert_error_string(verdict));
}

int bide__tls_failed(struct bide__tls *tls, int error)
{
    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    long verdict = SSL_get_verify_result(tls->ssl);
    if (tls->no_memory)
        tls->code = -ENOMEM;
    else if (!tls->ready && verdict != X509_V_OK && !tls->context->insecure)
        tls->code = refused(tls, verdict);
    else
        tls->code = bide__tls_raise("TLS with", tls->host ? tls->host
                                                          : "a client");
    ERR_clear_error();
    return tls->code;
}
