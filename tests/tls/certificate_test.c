/* SPDX-License-Identifier: MIT */
/* certificate_test.c — who is trusted, and how a refusal reads. */
#include <stdio.h>

#include "pair.h"

static int attempt(enum certificate certificate, const char *host,
                   const bide_tls_options *client_options, char *message)
{
    struct secure secure;
    bide_stream *stream;
    watch_reports();
    secure_open(&secure, certificate, echo, NULL, NULL, client_options);
    int rc = secure_connect(&secure, host, &stream);
    if (rc == 0) {
        CHECK_OK(check_echo(stream, "hello\n"));
        bide_stream_close(stream);
    } else {
        snprintf(message, BIDE_ERRMSG_MAX, "%s", bide_errmsg(rc));
    }
    secure_close(&secure);
    CHECK_INT(reports.count, 0);
    return rc;
}

static int amain_good(void *arg)
{
    char message[BIDE_ERRMSG_MAX];
    (void)arg;
    CHECK_OK(attempt(GOOD, "localhost", NULL, message));
    CHECK_OK(attempt(GOOD, NULL, NULL, message));
    return 0;
}

TEST(a_certificate_that_names_the_host_or_its_address_is_accepted)
{
    run_clean(amain_good);
}

static int amain_wrong(void *arg)
{
    static const struct {
        enum certificate certificate;
        const char *host;
        const char *words;
    } cases[] = {
        {EXPIRED, "localhost", "expired"},
        {EARLY, "localhost", "not yet valid"},
        {OTHER_HOST, "localhost", "hostname mismatch"},
        {OTHER_HOST, NULL, "IP address mismatch"},
        {SELF_SIGNED, "localhost", "self-signed certificate"},
        {UNKNOWN, "localhost", "unable to get local issuer"},
    };
    (void)arg;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char message[BIDE_ERRMSG_MAX] = "";
        CHECK_ERR(attempt(cases[i].certificate, cases[i].host, NULL, message),
                  BIDE_E_TLS_CERTIFICATE);
        if (!strstr(message, cases[i].words))
            CHECK_STR(message, cases[i].words);
    }
    return 0;
}

TEST(every_wrong_certificate_is_refused_with_the_reason)
{
    run_clean(amain_wrong);
}

static int amain_insecure(void *arg)
{
    char message[BIDE_ERRMSG_MAX];
    const bide_tls_options options = {.insecure = true};
    (void)arg;
    CHECK_OK(attempt(SELF_SIGNED, "localhost", &options, message));
    CHECK_OK(attempt(EXPIRED, "localhost", &options, message));
    return 0;
}

TEST(an_insecure_client_accepts_any_certificate)
{
    run_clean(amain_insecure);
}

static int amain_system(void *arg)
{
    struct secure secure;
    bide_tls_context *system;
    bide_stream *stream;
    (void)arg;
    secure_open(&secure, GOOD, echo, NULL, NULL, NULL);
    CHECK_OK(bide_tls_open_client(NULL, &system));
    const bide_connection_options options = {.tls = system,
                                             .tls_host = "localhost"};
    CHECK_ERR(bide_open_connection("127.0.0.1",
                                   bide_server_port(secure.server), &options,
                                   &stream),
              BIDE_E_TLS_CERTIFICATE);
    bide_tls_close(system);
    secure_close(&secure);
    return 0;
}

TEST(by_default_only_authorities_of_the_system_are_trusted)
{
    run_clean(amain_system);
}

/* ── Certificates of clients ──────────────────────────────────────────── */

static int tell_peer(bide_stream *stream, void *arg)
{
    bide_tls_info info;
    (void)arg;
    CHECK_OK(bide_stream_tls_info(stream, &info));
    return bide_stream_write(stream, info.peer, strlen(info.peer));
}

static ssize_t visit(const struct secure *secure, char *buf, size_t size)
{
    bide_stream *stream;
    int rc = secure_connect(secure, "localhost", &stream);
    if (rc < 0)
        return rc;
    ssize_t n = bide_stream_read(stream, buf, size);
    bide_stream_close(stream);
    return n;
}

static int amain_client(void *arg)
{
    struct secure secure;
    char buf[64] = "";
    const bide_tls_options server = {
        .require_certificate = true,
        .trust = certificate_file(AUTHORITY),
    };
    const bide_tls_options known = {.certificate = certificate_file(CLIENT)};
    const bide_tls_options unknown = {
        .certificate = certificate_file(UNKNOWN),
    };
    (void)arg;
    secure_open(&secure, GOOD, tell_peer, NULL, &server, &known);
    CHECK_INT(visit(&secure, buf, sizeof buf), strlen("CN=visitor"));
    CHECK_STR(buf, "CN=visitor");
    secure_close(&secure);
    secure_open(&secure, GOOD, tell_peer, NULL, &server, NULL);
    CHECK_ERR(visit(&secure, buf, sizeof buf), BIDE_E_TLS);
    secure_close(&secure);
    secure_open(&secure, GOOD, tell_peer, NULL, &server, &unknown);
    CHECK_ERR(visit(&secure, buf, sizeof buf), BIDE_E_TLS);
    secure_close(&secure);
    return 0;
}

TEST(a_server_may_insist_on_certificates_of_clients)
{
    run_clean(amain_client);
}

/* ── Options ──────────────────────────────────────────────────────────── */

TEST(options_that_cannot_work_are_named)
{
    bide_tls_context *context;
    const bide_tls_options version = {.least_version = 11};
    const bide_tls_options missing = {.trust = "/nonexistent.pem"};
    const bide_tls_options empty = {.alpn = "h2,,x"};
    const bide_tls_options timeout = {.handshake_timeout = -1};
    CHECK_ERR(bide_tls_open_client(&version, &context), -EINVAL);
    CHECK_STR(bide_errmsg(-EINVAL), "least_version is 11, must be 12 or 13");
    CHECK_ERR(bide_tls_open_client(&missing, &context), BIDE_E_TLS);
    CHECK(strstr(bide_errmsg(BIDE_E_TLS), "/nonexistent.pem"));
    CHECK_ERR(bide_tls_open_client(&empty, &context), -EINVAL);
    CHECK_ERR(bide_tls_open_client(&timeout, &context), -EINVAL);
    CHECK_ERR(bide_tls_open_server(NULL, &context), -EINVAL);
}

static int amain_wrong_side(void *arg)
{
    bide_tls_context *client = client_context(NULL);
    const bide_server_options options = {.tls = client};
    bide_server *server;
    (void)arg;
    CHECK_ERR(bide_start_server("127.0.0.1", 0, echo, NULL, &options, &server),
              -EINVAL);
    CHECK_STR(bide_errmsg(-EINVAL),
              "tls is a context for connections, must be for servers");
    bide_tls_close(client);
    return 0;
}

TEST(a_context_for_the_other_side_is_refused)
{
    run_clean(amain_wrong_side);
}
