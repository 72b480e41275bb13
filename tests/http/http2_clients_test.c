/* SPDX-License-Identifier: MIT */
/* http2_clients_test.c — clients of others: curl, nghttp, h2load. */
#include "http.h"

#include "tls/certificates.h"

/* Run a program. Returns its exit status, 127 if there is none of that name,
 * or a negative code; what it printed is in buf. */
static int run(const char *const *argv, char *buf, size_t size)
{
    const bide_process_options options = {.out = BIDE_PIPE};
    bide_process *process;
    bide_process_output output;
    buf[0] = '\0';
    int rc = bide_process_exec(argv, &options, &process);
    if (rc < 0)
        return rc == -ENOENT ? 127 : rc;
    rc = bide_process_communicate(process, NULL, 0, 0, &output);
    bide_process_close(process);
    if (!CHECK_OK(rc))
        return rc;
    snprintf(buf, size, "%.*s", (int)output.out_len, (char *)output.out);
    rc = output.returncode;
    bide_process_output_fini(&output);
    return rc;
}

/* Whether a program is there; the test is skipped otherwise. */
static bool have(const char *name)
{
    char why[80], buf[256];
    const char *const argv[] = {name, "--version", NULL};
    if (run(argv, buf, sizeof buf) != 127)
        return true;
    snprintf(why, sizeof why, "there is no %s", name);
    test_skip(why);
    return false;
}

static const char *url_of(const bide_http_server *server, const char *scheme)
{
    static char url[64];
    snprintf(url, sizeof url, "%s://localhost:%d/path", scheme,
             bide_http_server_port(server));
    return url;
}

/* ── curl ─────────────────────────────────────────────────────────────── */

static void curl_over(bide_http_server *server, const char *scheme,
                      const char *how)
{
    char buf[512];
    const char *url = url_of(server, scheme);
    const char *const get[] = {
        "curl", "-sSk", "--max-time", "20", how, "-w", " %{http_version}",
        url, NULL,
    };
    const char *const post[] = {
        "curl", "-sSk", "--max-time", "20", how, "-H",
        "Expect: 100-continue", "--data-binary", "some text", url, NULL,
    };
    CHECK_INT(run(get, buf, sizeof buf), 0);
    CHECK_STR(buf, "GET /path  2");
    CHECK_INT(run(post, buf, sizeof buf), 0);
    CHECK_STR(buf, "POST /path some text");
}

static int amain_curl(void *arg)
{
    (void)arg;
    if (!have("curl"))
        return 0;
    bide_tls_context *tls = server_context(GOOD, NULL);
    const bide_http_server_options options = {.tls = tls};
    bide_http_server *plain = serve(tell, NULL, NULL);
    bide_http_server *secure = serve(tell, NULL, &options);
    curl_over(plain, "http", "--http2-prior-knowledge");
    curl_over(secure, "https", "--http2");
    CHECK_OK(bide_http_server_close(plain));
    CHECK_OK(bide_http_server_close(secure));
    bide_tls_close(tls);
    return 0;
}

TEST(curl_talks_http2_in_plain_and_over_tls)
{
    run_clean(amain_curl);
}

static int amain_choice(void *arg)
{
    char buf[512];
    (void)arg;
    if (!have("curl"))
        return 0;
    bide_tls_context *tls = server_context(GOOD, NULL);
    const bide_http_server_options options = {.tls = tls, .no_http2 = true};
    bide_http_server *server = serve(tell, NULL, &options);
    const char *const argv[] = {
        "curl", "-sSk", "--max-time", "20", "--http2", "-w",
        " %{http_version}", url_of(server, "https"), NULL,
    };
    CHECK_INT(run(argv, buf, sizeof buf), 0);
    CHECK_STR(buf, "GET /path  1.1");
    CHECK_OK(bide_http_server_close(server));
    bide_tls_close(tls);
    return 0;
}

TEST(a_server_without_http2_does_not_offer_it)
{
    run_clean(amain_choice);
}

/* ── nghttp2's ────────────────────────────────────────────────────────── */

static int amain_nghttp(void *arg)
{
    char buf[4096];
    (void)arg;
    if (!have("nghttp"))
        return 0;
    bide_http_server *server = serve(tell, NULL, NULL);
    const char *const argv[] = {"nghttp", url_of(server, "http"), NULL};
    CHECK_INT(run(argv, buf, sizeof buf), 0);
    CHECK_STR(buf, "GET /path ");
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(nghttp_talks_to_it)
{
    run_clean(amain_nghttp);
}

static int amain_load(void *arg)
{
    char buf[4096];
    (void)arg;
    if (!have("h2load"))
        return 0;
    bide_http_server *server = serve(tell, NULL, NULL);
    const char *const argv[] = {
        "h2load", "-n2000", "-c8", "-m32", url_of(server, "http"), NULL,
    };
    CHECK_INT(run(argv, buf, sizeof buf), 0);
    CHECK(strstr(buf, "2000 succeeded, 0 failed, 0 errored"));
    CHECK_OK(bide_http_server_close(server));
    return 0;
}

TEST(h2load_gets_an_answer_to_each_of_many_requests)
{
    run_clean(amain_load);
}
