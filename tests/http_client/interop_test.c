/* SPDX-License-Identifier: MIT */
/* interop_test.c — the client fetches from nginx and from Python's server. */
#include "client.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tls/certificates.h"

enum { LARGE = 300000 };

/* ── A directory to serve ─────────────────────────────────────────────── */

static char directory[] = "/tmp/bide-interop-XXXXXX";

static void write_text(const char *name, const char *text, size_t len)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    if (CHECK(file != NULL)) {
        CHECK_INT(fwrite(text, 1, len, file), len);
        fclose(file);
    }
}

static void make_directory(void)
{
    char *large = malloc(LARGE);
    strcpy(directory, "/tmp/bide-interop-XXXXXX");
    CHECK(mkdtemp(directory) != NULL);
    CHECK_INT(chmod(directory, 0755), 0);
    for (int i = 0; i < LARGE; i++)
        large[i] = (char)('a' + i % 26);
    write_text("large.txt", large, LARGE);
    write_text("small.txt", "small\n", 6);
    free(large);
}

static void remove_directory(void)
{
    CHECK_OK(bide_remove_tree(directory));
}

static int free_port(void)
{
    struct sockaddr_in address;
    close(plain_listen(1, &address));
    return ntohs(address.sin_port);
}

static bide_process *run(const char *const argv[])
{
    bide_process *process = NULL;
    const bide_process_options options = {
        .in = BIDE_DEVNULL,
        .out = BIDE_DEVNULL,
        .err = BIDE_DEVNULL,
    };
    return bide_process_exec(argv, &options, &process) == 0 ? process : NULL;
}

/* ── What is asked of each ────────────────────────────────────────────── */

/* It listens some time after it was started. */
static bool await_server(bide_http_session *http, const char *url)
{
    char text[16];
    int rc = -ECONNREFUSED;
    for (int i = 0; i < 500 && rc == -ECONNREFUSED; i++) {
        CHECK_OK(bide_sleep(0.02));
        rc = get_text(http, url, text, sizeof text);
    }
    return CHECK_OK(rc);
}

static void check_large(bide_http_session *http, const char *base,
                        const char *version)
{
    char url[128];
    bide_http_response *response;
    const void *data;
    snprintf(url, sizeof url, "%slarge.txt", base);
    if (!CHECK_OK(bide_http_get(http, url, &response)))
        return;
    CHECK_STR(bide_http_response_version(response), version);
    CHECK_INT(bide_http_response_data(response, &data), LARGE);
    bool same = true;
    for (int i = 0; i < LARGE; i++)
        same &= ((const char *)data)[i] == 'a' + i % 26;
    CHECK(same);
    bide_http_response_close(response);
}

static void check_site(bide_http_session *http, const char *base,
                       const char *version)
{
    char url[128], text[64];
    bide_http_response *response;
    snprintf(url, sizeof url, "%ssmall.txt", base);
    if (!await_server(http, url))
        return;
    for (int i = 0; i < 3; i++)
        CHECK_INT(get_text(http, url, text, sizeof text), 200);
    CHECK_STR(text, "small\n");
    CHECK_OK(bide_http_fetch(http, "HEAD", url, NULL, &response));
    CHECK_INT(bide_http_response_length(response), 6);
    bide_http_response_close(response);
    snprintf(url, sizeof url, "%snot-there", base);
    CHECK_INT(get_text(http, url, text, sizeof text), 404);
    check_large(http, base, version);
}

/* ── Python ───────────────────────────────────────────────────────────── */

static int amain_python(void *arg)
{
    char port[16], base[64];
    (void)arg;
    make_directory();
    snprintf(port, sizeof port, "%d", free_port());
    snprintf(base, sizeof base, "http://127.0.0.1:%s/", port);
    const char *const argv[] = {
        "python3", "-m", "http.server", port, "--bind", "127.0.0.1",
        "--directory", directory, NULL,
    };
    bide_process *process = run(argv);
    bide_http_session *http = open_session(NULL);
    CHECK(process != NULL);
    check_site(http, base, "HTTP/1.0");
    bide_http_session_close(http);
    bide_process_close(process);
    remove_directory();
    return 0;
}

TEST(python_serves_the_client)
{
    run_clean(amain_python);
}

/* ── nginx ────────────────────────────────────────────────────────────── */

static void configure(int plain, int secure)
{
    char text[2048];
    int n = snprintf(
        text, sizeof text,
        "daemon off; master_process off; pid nginx.pid;\n"
        "error_log stderr crit;\n"
        "events { worker_connections 64; }\n"
        "http { access_log off; default_type text/plain;\n"
        "  client_body_temp_path body; proxy_temp_path proxy;\n"
        "  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;\n"
        "  scgi_temp_path scgi;\n"
        "  gzip on; gzip_types text/plain; gzip_min_length 100;\n"
        "  keepalive_requests 5;\n"
        "  server { listen 127.0.0.1:%d; root %s; }\n"
        "  server { listen 127.0.0.1:%d ssl http2; root %s;\n"
        "    ssl_certificate %s; ssl_certificate_key %s; } }\n",
        plain, directory, secure, directory, certificate_file(GOOD),
        certificate_file(GOOD));
    write_text("nginx.conf", text, (size_t)n);
}

static bool has_nginx(void)
{
    return access("/usr/sbin/nginx", X_OK) == 0;
}

static int amain_nginx(void *arg)
{
    char base[64], conf[64];
    const bide_tls_options alpn = {.alpn = "h2,http/1.1"};
    (void)arg;
    make_directory();
    int plain = free_port(), secure = free_port();
    configure(plain, secure);
    snprintf(conf, sizeof conf, "%s/nginx.conf", directory);
    const char *const argv[] = {"/usr/sbin/nginx", "-p", directory, "-e",
                                "stderr", "-c", conf, NULL};
    bide_process *process = run(argv);
    bide_tls_context *tls = client_context(&alpn);
    const bide_http_session_options options = {.tls = tls};
    bide_http_session *http = open_session(&options);
    CHECK(process != NULL);
    snprintf(base, sizeof base, "http://127.0.0.1:%d/", plain);
    check_site(http, base, "HTTP/1.1");
    snprintf(base, sizeof base, "https://127.0.0.1:%d/", secure);
    for (int i = 0; i < 3; i++)
        check_site(http, base, "HTTP/2");
    bide_http_session_close(http);
    bide_tls_close(tls);
    bide_process_close(process);
    remove_directory();
    return 0;
}

TEST(nginx_serves_the_client)
{
    if (!has_nginx()) {
        test_skip("nginx is not installed");
        return;
    }
    run_clean(amain_nginx);
}
