/* SPDX-License-Identifier: MIT */
/*
 * web_request.c — any target, headers and body for an application: paths,
 * queries, cookies, typed input and forms. The input is a request as it would
 * come from a client.
 */
#include <bide/web.h>
#include <bide/web_test.h>

#include "fuzz.h"

BIDE_MODEL(Part, BIDE_FIELD(str, name, .min_len = 1), BIDE_FIELD(i64, count));

BIDE_MODEL(Typed,
    BIDE_PATH(i64, id),
    BIDE_QUERY(list(str), tag, .def = "[]"),
    BIDE_HEADER(optional(f64), x_number),
    BIDE_COOKIE(optional(str), theme),
    BIDE_BODY(list(Part), parts));

BIDE_MODEL(Form, BIDE_FORM(str, title), BIDE_FORM(list(i64), number));

static int take_typed(bide_web_request *request, const Typed *in, Part *out)
{
    (void)request;
    *out = (Part){in->n_tag > 0 ? in->tag[0] : "none", in->id};
    return 0;
}

static int take_form(bide_web_request *request, const Form *in, Part *out)
{
    (void)request;
    *out = (Part){in->title, (int64_t)in->n_number};
    return 0;
}

static int take_path(bide_web_request *request)
{
    return bide_web_reply_text(request, 200,
                               bide_web_request_param(request, "path"));
}

static int send_all(void *arg)
{
    const struct fuzz_input *input = arg;
    static bide_web_session_options sessions = {.secret = "0123456789abcdef"};
    static bide_web_cors_options cors = {.origins = "*", .methods = "*"};
    bide_web_client *client;
    bide_stream *stream;
    char reply[4096];
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_use(app, bide_web_cors, &cors);
    bide_web_use(app, bide_web_sessions, &sessions);
    BIDE_WEB_POST(app, "/t/{id}", take_typed, Typed, Part);
    BIDE_WEB_POST(app, "/f", take_form, Form, Part);
    bide_web_route(app, "GET", "/p/{path...}", take_path, NULL);
    int rc = bide_web_client_open(app, &client);
    if (rc < 0)
        abort();
    rc = bide_web_client_connect(client, &stream);
    if (rc == 0) {
        ssize_t n = bide_stream_write(stream, input->data, input->size);
        if (n >= 0)
            n = bide_stream_write_eof(stream);
        do
            n = bide_stream_read(stream, reply, sizeof reply);
        while (n > 0);
        bide_stream_close(stream);
    }
    rc = bide_web_client_close(client);
    bide_web_app_free(app);
    return rc;
}

static void ignore(const bide_report *report, void *data)
{
    (void)report;
    (void)data;
}

static int quietly(void *arg)
{
    bide_set_exception_handler(bide_loop_current(), ignore, NULL);
    return send_all(arg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && size <= 65536)
        fuzz_run(quietly, data, size);
    return 0;
}
