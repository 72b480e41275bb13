/* SPDX-License-Identifier: MIT */
/* http_site.c — serve a directory by two workers, and ask for its files. */
#include <bide.h>
#include <bide/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int serve(bide_http_files *files, bide_http_server **ret_server)
{
    static const bide_http_compress_options compress = {.level = 6};
    const bide_http_server_options options = {
        .workers = 2,
        .compress = &compress,
    };
    return bide_http_serve("127.0.0.1", 0, bide_http_files_serve, files,
                           &options, ret_server);
}

static int ask(bide_http_session *http, const char *url, const char *name,
               const char *value)
{
    const bide_http_pair headers[] = {{name, value}, {0}};
    const bide_http_fetch_options options = {.headers = headers};
    bide_http_response *response;
    const char *text;
    int rc = bide_http_fetch(http, "GET", url, &options, &response);
    if (rc < 0)
        return rc;
    rc = bide_http_response_text(response, &text);
    if (rc == 0)
        printf("%s: %s -> %d \"%s\"\n", name, value,
               bide_http_response_status(response), text);
    bide_http_response_close(response);
    return rc;
}

static int ask_all(bide_http_server *server)
{
    bide_http_session *http;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/hello.txt",
             bide_http_server_port(server));
    int rc = bide_http_session_open(NULL, &http);
    if (rc == 0)
        rc = ask(http, url, "Accept", "*/*");
    if (rc == 0)
        rc = ask(http, url, "Range", "bytes=7-11");
    if (rc == 0)
        rc = ask(http, url, "If-None-Match", "*");
    bide_http_session_close(http);
    return rc;
}

static int amain(void *arg)
{
    const char *directory = arg;
    bide_http_files *files = NULL;
    bide_http_server *server = NULL;
    int rc = bide_write_file("hello.txt", "Hello, files!", 13);
    if (rc == 0)
        rc = bide_http_files_open(directory, NULL, &files);
    if (rc == 0)
        rc = serve(files, &server);
    if (rc == 0)
        rc = ask_all(server);
    int closed = bide_http_server_close(server);
    bide_http_files_close(files);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    char directory[] = "/tmp/bide-site-XXXXXX";
    if (!mkdtemp(directory) || chdir(directory) < 0)
        return 1;
    int rc = bide_run(amain, directory);
    if (rc < 0)
        fprintf(stderr, "http_site: %s\n", bide_errmsg(rc));
    (void)unlink("hello.txt");
    (void)rmdir(directory);
    return rc < 0;
}
