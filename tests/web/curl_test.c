/* SPDX-License-Identifier: MIT */
/* curl_test.c — an application over real sockets, as curl sees it. */
#include <bide/process.h>
#include <stdlib.h>

#include "web.h"

static int tell_form(bide_web_request *request)
{
    char text[256];
    int rc = bide_web_form(request, NULL);
    if (rc < 0)
        return rc;
    const bide_web_upload *upload = bide_web_form_upload(request, "photo");
    const char *title = bide_web_form_value(request, "title");
    snprintf(text, sizeof text, "%s, %s of %s, %llu bytes", title,
             upload ? upload->filename : "nothing",
             upload ? upload->type : "nothing",
             upload ? (unsigned long long)upload->size : 0);
    return bide_web_reply_text(request, 201, text);
}

static int pieces(bide_web_request *request)
{
    int rc = bide_web_reply_begin(request, 200, "text/plain", -1);
    for (int i = 0; rc == 0 && i < 3; i++)
        rc = bide_web_reply_write(request, "piece;", 6);
    return rc;
}

static int run_curl(const bide_web_app *app, const char *path,
                    const char *const *words, char *buf, size_t size)
{
    const char *argv[24] = {"curl", "-sS", "--max-time", "20", "-w",
                            " %{http_code}"};
    char url[128];
    size_t used = 6;
    bide_process *process;
    bide_process_output output;
    const bide_process_options options = {.out = BIDE_PIPE};
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", bide_web_port(app),
             path);
    while (*words)
        argv[used++] = *words++;
    argv[used] = url;
    int rc = bide_process_exec(argv, &options, &process);
    if (!CHECK_OK(rc))
        return rc;
    rc = bide_process_communicate(process, NULL, 0, 0, &output);
    bide_process_close(process);
    if (!CHECK_OK(rc))
        return rc;
    CHECK_INT(output.returncode, 0);
    snprintf(buf, size, "%.*s", (int)output.out_len, (char *)output.out);
    bide_process_output_fini(&output);
    return 0;
}

/* A file larger than a body may be without the options, of this program. */
static int amain_curl(void *arg)
{
    static const char *const none[] = {NULL};
    static const char *const upload[] = {
        "-F", "title=a \"b\"", "-F",
        "photo=@/proc/self/exe;filename=x y.bin;type=x/y", NULL,
    };
    static const char *const form[] = {"-d", "title=x", "--data-urlencode",
                                       "b=&=", NULL};
    static const char *const head[] = {"-I", "-o", "/dev/null", NULL};
    static const char *const follow[] = {"-L", NULL};
    static const char *const raw[] = {"--path-as-is", NULL};
    const bide_web_options options = {.http = {.body = UINT64_C(1) << 30}};
    bide_web_app *app = bide_web_app_new(&options);
    char buf[1024];
    (void)arg;
    bide_web_route(app, "POST", "/form", tell_form, NULL);
    bide_web_route(app, "GET", "/pieces", pieces, NULL);
    CHECK_OK(bide_web_start(app, "127.0.0.1", 0));
    CHECK_OK(run_curl(app, "/form", upload, buf, sizeof buf));
    if (!CHECK(strncmp(buf, "a \"b\", x y.bin of x/y, ", 23) == 0))
        printf("# %s\n", buf);
    CHECK(atoi(buf + 23) > 10000);
    CHECK_OK(run_curl(app, "/form", form, buf, sizeof buf));
    CHECK_STR(buf, "x, nothing of nothing, 0 bytes 201");
    CHECK_OK(run_curl(app, "/pieces", none, buf, sizeof buf));
    CHECK_STR(buf, "piece;piece;piece; 200");
    CHECK_OK(run_curl(app, "/pieces", head, buf, sizeof buf));
    CHECK_STR(buf, " 200");
    CHECK_OK(run_curl(app, "/pieces/", follow, buf, sizeof buf));
    CHECK_STR(buf, "piece;piece;piece; 200");
    CHECK_OK(run_curl(app, "/../../etc/passwd", raw, buf, sizeof buf));
    CHECK_STR(buf, "{\"detail\":\"Not Found\"} 404");
    CHECK_OK(bide_web_stop(app));
    bide_web_app_free(app);
    return 0;
}

TEST(curl_sends_files_and_gets_replies)
{
    run_clean(amain_curl);
}

/* ── Stopping ─────────────────────────────────────────────────────────── */

static int slow(bide_web_request *request)
{
    int rc = bide_sleep(0.2);
    return rc < 0 ? rc : bide_web_reply_text(request, 200, "finished");
}

static int amain_stop(void *arg)
{
    bide_web_app *app = bide_web_app_new(NULL);
    bide_stream *stream;
    char buf[1024];
    (void)arg;
    bide_web_route(app, "GET", "/slow", slow, NULL);
    CHECK_OK(bide_web_start(app, "127.0.0.1", 0));
    CHECK_ERR(bide_web_start(app, "127.0.0.1", 0), -EALREADY);
    CHECK_OK(bide_open_connection("127.0.0.1", bide_web_port(app), NULL,
                                  &stream));
    CHECK_OK(bide_stream_write(stream, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n",
                               31));
    CHECK_OK(bide_sleep(0.05));
    CHECK_OK(bide_web_stop(app));
    ssize_t n = bide_stream_read(stream, buf, sizeof buf - 1);
    buf[n > 0 ? n : 0] = '\0';
    CHECK(strstr(buf, "\r\n\r\nfinished"));
    bide_stream_close(stream);
    CHECK_INT(bide_web_port(app), 0);
    CHECK_OK(bide_web_stop(app)); /* it does not run: nothing to do */
    bide_web_app_free(app);
    return 0;
}

TEST(stopping_finishes_requests_that_have_begun)
{
    run_clean(amain_stop);
}
