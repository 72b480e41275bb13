/* SPDX-License-Identifier: MIT */
#include "certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test.h"

#define DAY 86400L

static const struct {
    const char *name;
    const char *hosts; /* as OpenSSL writes them; NULL: an authority */
    long from, until;  /* days from now */
    enum certificate signer;
} kinds[CERTIFICATES] = {
    [AUTHORITY] = {"authority", NULL, -1, 30, AUTHORITY},
    [STRANGER] = {"stranger", NULL, -1, 30, STRANGER},
    [GOOD] = {"good", "DNS:localhost,IP:127.0.0.1", -1, 30, AUTHORITY},
    [EXPIRED] = {"expired", "DNS:localhost", -9, -1, AUTHORITY},
    [EARLY] = {"early", "DNS:localhost", 5, 30, AUTHORITY},
    [OTHER_HOST] = {"other", "DNS:example.org", -1, 30, AUTHORITY},
    [SELF_SIGNED] = {"self", "DNS:localhost", -1, 30, SELF_SIGNED},
    [UNKNOWN] = {"unknown", "DNS:localhost", -1, 30, STRANGER},
    [CLIENT] = {"visitor", "DNS:visitor", -1, 30, AUTHORITY},
};

static char directory[] = "/tmp/bide-tls-XXXXXX";
static char files[CERTIFICATES][64];

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, NULL, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, &context, nid, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static X509 *make(enum certificate which, EVP_PKEY *const *keys)
{
    X509 *one = X509_new();
    X509_set_version(one, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(one), (long)which + 1);
    X509_gmtime_adj(X509_getm_notBefore(one), kinds[which].from * DAY);
    X509_gmtime_adj(X509_getm_notAfter(one), kinds[which].until * DAY);
    X509_set_pubkey(one, keys[which]);
    X509_NAME_add_entry_by_txt(
        X509_get_subject_name(one), "CN", MBSTRING_ASC,
        (const unsigned char *)kinds[which].name, -1, -1, 0);
    X509_NAME *issuer = X509_NAME_new();
    X509_NAME_add_entry_by_txt(
        issuer, "CN", MBSTRING_ASC,
        (const unsigned char *)kinds[kinds[which].signer].name, -1, -1, 0);
    X509_set_issuer_name(one, issuer);
    X509_NAME_free(issuer);
    if (kinds[which].hosts)
        add_extension(one, NID_subject_alt_name, kinds[which].hosts);
    else
        add_extension(one, NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(one, keys[kinds[which].signer], EVP_sha256());
    return one;
}

static void remove_files(void)
{
    for (int i = 0; i < CERTIFICATES; i++)
        unlink(files[i]);
    rmdir(directory);
}

static void make_all(void)
{
    EVP_PKEY *keys[CERTIFICATES];
    if (!mkdtemp(directory))
        abort();
    for (int i = 0; i < CERTIFICATES; i++)
        keys[i] = EVP_EC_gen("P-256");
    for (int i = 0; i < CERTIFICATES; i++) {
        X509 *one = make((enum certificate)i, keys);
        snprintf(files[i], sizeof files[i], "%s/%s.pem", directory,
                 kinds[i].name);
        FILE *file = fopen(files[i], "w");
        if (!file)
            abort();
        PEM_write_X509(file, one);
        PEM_write_PrivateKey(file, keys[i], NULL, NULL, 0, NULL, NULL);
        fclose(file);
        X509_free(one);
    }
    for (int i = 0; i < CERTIFICATES; i++)
        EVP_PKEY_free(keys[i]);
    atexit(remove_files);
}

const char *certificate_file(enum certificate which)
{
    if (!files[0][0])
        make_all();
    return files[which];
}

bide_tls_context *server_context(enum certificate which,
                                 const bide_tls_options *options)
{
    bide_tls_options own = {.alpn = NULL};
    bide_tls_context *context = NULL;
    if (options)
        own = *options;
    own.certificate = certificate_file(which);
    CHECK_OK(bide_tls_open_server(&own, &context));
    return context;
}

bide_tls_context *client_context(const bide_tls_options *options)
{
    bide_tls_options own = {.alpn = NULL};
    bide_tls_context *context = NULL;
    if (options)
        own = *options;
    own.trust = certificate_file(AUTHORITY);
    CHECK_OK(bide_tls_open_client(&own, &context));
    return context;
}
