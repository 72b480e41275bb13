/* SPDX-License-Identifier: MIT */
/*
 * certificates.h — certificates of every kind, made when the program starts
 * and removed when it ends.
 */
#ifndef BIDE_TESTS_TLS_CERTIFICATES_H
#define BIDE_TESTS_TLS_CERTIFICATES_H

#include <bide.h>
#include <bide/tls.h>

enum certificate {
    AUTHORITY,  /* signs the others; what clients are told to trust */
    STRANGER,   /* another authority */
    GOOD,       /* for "localhost" and 127.0.0.1, as all below but one */
    EXPIRED,
    EARLY,      /* not valid yet */
    OTHER_HOST, /* for "example.org" */
    SELF_SIGNED,
    UNKNOWN,    /* signed by the stranger */
    CLIENT,     /* of a client called "visitor" */
    CERTIFICATES
};

/* The file with a certificate and its key. */
const char *certificate_file(enum certificate which);

/* A context for servers with this certificate, and one for clients that trust
 * the authority; other options may be NULL. */
bide_tls_context *server_context(enum certificate which,
                                 const bide_tls_options *options);
bide_tls_context *client_context(const bide_tls_options *options);

#endif
