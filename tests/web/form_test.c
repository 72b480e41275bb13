/* SPDX-License-Identifier: MIT */
/* form_test.c — forms, with files, and in all ways to be malformed. */
#include <bide/file.h>
#include <stdlib.h>

#include "web.h"
#include "web/multipart.h"

/* ── The parser ───────────────────────────────────────────────────────── */

static char journal[4096];
static size_t used;

static void add(const char *text, size_t len)
{
    if (used + len < sizeof journal)
        memcpy(journal + used, text, len);
    used += len;
    journal[used < sizeof journal ? used : 0] = '\0';
}

static int note_begin(void *arg, const struct bide__multipart_part *part)
{
    (void)arg;
    add(part->name, strlen(part->name));
    if (part->filename) {
        add("@", 1);
        add(part->filename, strlen(part->filename));
    }
    if (*part->type) {
        add(" ", 1);
        add(part->type, strlen(part->type));
    }
    add("[", 1);
    return 0;
}

static int note_data(void *arg, const char *data, size_t len)
{
    (void)arg;
    add(data, len);
    return 0;
}

static int note_end(void *arg)
{
    (void)arg;
    add("]", 1);
    return 0;
}

/* Parse a text in pieces of a length; what comes is in the journal. */
static int parse(const char *type, const char *text, size_t piece)
{
    static struct bide__multipart parser;
    static const struct bide__multipart_sink sink = {note_begin, note_data,
                                                     note_end, NULL};
    size_t len = strlen(text);
    used = 0;
    journal[0] = '\0';
    int rc = bide__multipart_init(&parser, type, &sink);
    for (size_t i = 0; rc == 0 && i < len; i += piece)
        rc = bide__multipart_feed(&parser, text + i,
                                  len - i < piece ? len - i : piece);
    if (rc == 0 && !bide__multipart_ended(&parser))
        rc = -EBADMSG;
    return rc;
}

#define TYPE "multipart/form-data; boundary=xx"
#define FIELD(name, value)                                                    \
    "--xx\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value \
    "\r\n"

TEST(parts_come_out_however_the_bytes_are_divided)
{
    static const char text[] =
        "preamble --xx\r\n" FIELD("a", "1") FIELD("b", "")
        FIELD("c", "--xx\r\n--x\r\n\r\n-") "--xx  \r\n"
        "content-disposition:form-data;filename=\"C:\\d \\\"e\\\".txt\" ; "
        "name=f\r\nX-Y: z\r\nContent-Type: text/plain\r\n\r\nfile\r\n"
        "--xx--\r\nepilogue --xx\r\n";
    for (size_t piece = 1; piece < sizeof text; piece++) {
        if (!CHECK_OK(parse(TYPE, text, piece)))
            printf("# in pieces of %zu\n", piece);
        CHECK_STR(journal, "a[1]b[]c[--xx\r\n--x\r\n\r\n-]"
                           "f@C:\\d \"e\".txt text/plain[file]");
    }
}

TEST(boundaries_are_taken_from_the_type)
{
    static const struct {
        const char *type;
        int rc;
    } cases[] = {
        {"multipart/form-data; boundary=xx", 0},
        {"multipart/form-data;charset=x; Boundary=\"xx\"; a=b", 0},
        {"multipart/form-data", -EINVAL},
        {"multipart/form-data; boundary=", -EINVAL},
        {"multipart/form-data; boundary=\"\"", -EINVAL},
        {"multipart/form-data; boundary=\"a\tb\"", -EINVAL},
        {"multipart/form-data; boundary=\"x \"", -EINVAL},
        {"multipart/form-data; boundary=yy", -EBADMSG},
        {"multipart/form-data; boundary="
         "12345678901234567890123456789012345678901234567890123456789012345678"
         "901", -EINVAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_INT(parse(cases[i].type, FIELD("a", "1") "--xx--", 1000),
                  cases[i].rc);
}

TEST(what_is_malformed_is_refused)
{
    static const char *const cases[] = {
        "",
        "--xx",
        "--xx\r\n",
        "--xxy\r\n",
        "--xx\r\n\r\nno headers\r\n--xx--",
        "--xx\r\nX: y\r\n\r\nno name\r\n--xx--",
        "--xx\r\nContent-Disposition: attachment; name=a\r\n\r\n\r\n--xx--",
        "--xx\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n\r\n--xx--",
        "--xx\r\nno header\r\n\r\n\r\n--xx--",
        "--xx\r\n: empty\r\n\r\n\r\n--xx--",
        FIELD("a", "1"),
        FIELD("a", "1") "--x--",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t piece = 1; piece < 200; piece += 66)
            if (!CHECK_ERR(parse(TYPE, cases[i], piece), -EBADMSG))
                printf("# %s\n", cases[i]);
}

TEST(headers_of_a_part_have_a_limit)
{
    char *text = calloc(1, 20000);
    strcpy(text, "--xx\r\nX: ");
    memset(text + strlen(text), 'x', 9000);
    strcat(text, "\r\n\r\n");
    CHECK_ERR(parse(TYPE, text, 100), -EBADMSG);
    CHECK_ERR(parse(TYPE, text, 20000), -EBADMSG);
    free(text);
}

/* ── Forms ────────────────────────────────────────────────────────────── */

static int tell_form(bide_web_request *request)
{
    static const bide_web_form_options options = {
        .file = 100000,
        .value = 1000,
        .parts = 5,
    };
    char text[1024], start[16] = "";
    int rc = bide_web_form(request, &options);
    if (rc < 0)
        return rc;
    const char *title = bide_web_form_value(request, "title");
    const bide_web_upload *upload = bide_web_form_upload(request, "photo");
    ssize_t n = 0;
    if (upload)
        n = bide_file_read(upload->file, start, 4);
    if (n < 0)
        return (int)n;
    snprintf(text, sizeof text, "%s %s %s %llu %s", title ? title : "-",
             upload ? upload->filename : "-", upload ? upload->type : "-",
             upload ? (unsigned long long)upload->size : 0, start);
    return bide_web_reply_text(request, 200, text);
}

BIDE_MODEL(Login,
    BIDE_FORM(str, name, .min_len = 2),
    BIDE_FORM(i64, age),
    BIDE_FORM(list(str), tag));

BIDE_MODEL(Logged, BIDE_FIELD(str, name), BIDE_FIELD(list(str), tag));

static int log_in(bide_web_request *request, const Login *in, Logged *out)
{
    (void)request;
    *out = (Logged){in->name, in->tag, in->n_tag};
    return 0;
}

static int submit(bide_web_client *client, const char *target, const char *type,
                const char *body, bide_web_response *response)
{
    const bide_web_client_options options = {
        .method = "POST",
        .type = type,
        .body = body,
        .len = strlen(body),
    };
    int rc = bide_web_client_request(client, target, &options, response);
    return rc < 0 ? rc : response->status;
}

static bide_web_client *open_forms(bide_web_app **ret_app)
{
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_route(app, "POST", "/", tell_form, NULL);
    BIDE_WEB_POST(app, "/login", log_in, Login, Logged);
    *ret_app = app;
    return open_client(app);
}

#define PHOTO(text)                                                           \
    "--xx\r\nContent-Disposition: form-data; name=\"photo\"; "                \
    "filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n" text "\r\n"

static int amain_forms(void *arg)
{
    bide_web_app *app;
    bide_web_client *client = open_forms(&app);
    bide_web_response response;
    (void)arg;
    CHECK_INT(submit(client, "/", "application/x-www-form-urlencoded",
                   "title=a+b%21&x=y", &response), 200);
    CHECK_STR(response.body, "a b! - - 0 ");
    CHECK_INT(submit(client, "/", TYPE,
                   FIELD("title", "T") PHOTO("\x89PNG rest") "--xx--\r\n",
                   &response), 200);
    CHECK_STR(response.body, "T a.png image/png 9 \x89PNG");
    CHECK_INT(submit(client, "/", "text/plain", "title=x", &response), 200);
    CHECK_STR(response.body, "- - - 0 ");
    CHECK_INT(submit(client, "/login", TYPE,
                   FIELD("name", "Ada") FIELD("age", "36") FIELD("tag", "x")
                   FIELD("tag", "y") "--xx--", &response), 200);
    CHECK_STR(response.body, "{\"name\":\"Ada\",\"tag\":[\"x\",\"y\"]}");
    CHECK_INT(submit(client, "/login", "application/x-www-form-urlencoded",
                   "name=A&age=x", &response), 422);
    CHECK(strstr(response.body, "\"loc\":[\"body\",\"name\"]"));
    CHECK(strstr(response.body, "\"loc\":[\"body\",\"age\"]"));
    close_client(client, app);
    return 0;
}

TEST(forms_of_both_kinds_are_read)
{
    run_clean(amain_forms);
}

/* A form of one part, with a value of len bytes. */
static const char *large_form(char *text, const char *disposition, size_t len)
{
    int n = sprintf(text, "--xx\r\nContent-Disposition: form-data; %s"
                          "\r\n\r\n", disposition);
    memset(text + n, 'x', len);
    strcpy(text + n + len, "\r\n--xx--");
    return text;
}

static int amain_large(void *arg)
{
    static const char photo[] = "name=\"photo\"; filename=\"b\"";
    bide_web_app *app;
    bide_web_client *client = open_forms(&app);
    bide_web_response response;
    char *text = malloc(300000);
    (void)arg;
    CHECK_INT(submit(client, "/", TYPE, large_form(text, photo, 100000),
                     &response), 200);
    CHECK_STR(response.body, "- b  100000 xxxx");
    CHECK_INT(submit(client, "/", TYPE, large_form(text, photo, 100001),
                     &response), 413);
    CHECK_STR(response.body,
              "{\"detail\":\"a file has more bytes, at most 100000\"}");
    CHECK_INT(submit(client, "/", TYPE, large_form(text, "name=v", 1000),
                     &response), 200);
    CHECK_INT(submit(client, "/", TYPE, large_form(text, "name=v", 1001),
                     &response), 413);
    CHECK_INT(submit(client, "/", TYPE,
                   FIELD("a", "") FIELD("a", "") FIELD("a", "")
                   FIELD("a", "") FIELD("a", "") FIELD("a", "") "--xx--",
                   &response), 413);
    CHECK_STR(response.body,
              "{\"detail\":\"too many values and files, at most 5\"}");
    CHECK_INT(submit(client, "/", TYPE, "--xx\r\nbad", &response), 400);
    CHECK_INT(submit(client, "/", "multipart/form-data", "x", &response), 400);
    CHECK_INT(submit(client, "/", "application/x-www-form-urlencoded",
                   "a=%00", &response), 400);
    free(text);
    close_client(client, app);
    return 0;
}

TEST(forms_have_limits_and_malformed_ones_are_told_so)
{
    run_clean(amain_large);
}

/* ── Sessions ─────────────────────────────────────────────────────────── */

static int count_visits(bide_web_request *request)
{
    const char *visits = bide_web_session(request, "visits");
    char text[32];
    snprintf(text, sizeof text, "%d", visits ? atoi(visits) + 1 : 1);
    int rc = bide_web_session_set(request, "visits", text);
    if (rc == 0)
        rc = bide_web_session_set(request, "odd; name", "a&b=\xc3\xa9");
    return rc < 0 ? rc : bide_web_reply_text(request, 200, text);
}

static int tell_odd(bide_web_request *request)
{
    const char *odd = bide_web_session(request, "odd; name");
    return bide_web_reply_text(request, 200, odd ? odd : "-");
}

static int forget(bide_web_request *request)
{
    int rc = bide_web_session_set(request, "visits", NULL);
    if (rc == 0)
        rc = bide_web_session_set(request, "odd; name", NULL);
    return rc < 0 ? rc : bide_web_reply_text(request, 200, "");
}

static int overfill(bide_web_request *request)
{
    static char large[4000];
    memset(large, 'x', sizeof large - 1);
    int rc = bide_web_session_set(request, "large", large);
    return rc < 0 ? rc : bide_web_reply_text(request, 200, "");
}

static bide_web_client *open_sessions(bide_web_app **ret_app, void *options)
{
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_use(app, bide_web_sessions, options);
    bide_web_route(app, "GET", "/", count_visits, NULL);
    bide_web_route(app, "GET", "/odd", tell_odd, NULL);
    bide_web_route(app, "GET", "/forget", forget, NULL);
    bide_web_route(app, "GET", "/overfill", overfill, NULL);
    *ret_app = app;
    return open_client(app);
}

static int amain_sessions(void *arg)
{
    bide_web_session_options options = {.secret = "0123456789abcdef"};
    bide_web_session_options other = {.secret = "0123456789abcdeX"};
    bide_web_session_options short_one = {.secret = "short"};
    char cookie[4200], header[4300];
    bide_web_app *app;
    bide_web_response response;
    (void)arg;
    watch_reports();
    bide_web_client *client = open_sessions(&app, &options);
    CHECK_INT(get(client, "/", &response), 200);
    CHECK_STR(response.body, "1");
    CHECK_INT(get(client, "/", &response), 200);
    CHECK_STR(response.body, "2");
    snprintf(cookie, sizeof cookie, "%.*s",
             (int)strcspn(bide_web_response_header(&response, "Set-Cookie"),
                          ";"),
             bide_web_response_header(&response, "Set-Cookie"));
    CHECK(strncmp(cookie, "session=", 8) == 0);
    CHECK_INT(get(client, "/odd", &response), 200);
    CHECK_STR(response.body, "a&b=\xc3\xa9");
    CHECK(!bide_web_response_header(&response, "Set-Cookie"));
    CHECK_INT(get(client, "/overfill", &response), 500);
    CHECK_INT(get(client, "/forget", &response), 200);
    CHECK(strstr(bide_web_response_header(&response, "Set-Cookie"),
                 "Max-Age=0"));
    CHECK_INT(get(client, "/odd", &response), 200);
    CHECK_STR(response.body, "-");
    /* Each byte of the cookie counts. */
    for (size_t i = 8; cookie[i]; i++) {
        cookie[i] ^= 1;
        snprintf(header, sizeof header, "Cookie: %s", cookie);
        int status = get_with(client, "/odd", header, &response);
        CHECK(status == 200 || status == 400); /* it may be no header */
        CHECK(!strstr(response.body, "a&b"));
        cookie[i] ^= 1;
    }
    snprintf(header, sizeof header, "Cookie: %s", cookie);
    CHECK_INT(get_with(client, "/odd", header, &response), 200);
    CHECK_STR(response.body, "a&b=\xc3\xa9");
    close_client(client, app);
    client = open_sessions(&app, &other);
    CHECK_INT(get_with(client, "/odd", header, &response), 200);
    CHECK_STR(response.body, "-");
    close_client(client, app);
    client = open_sessions(&app, &short_one);
    CHECK_INT(get(client, "/odd", &response), 500);
    close_client(client, app);
    return 0;
}

TEST(a_session_comes_back_unless_anybody_has_changed_it)
{
    run_clean(amain_sessions);
}

/* ── Other origins ────────────────────────────────────────────────────── */

static int fine(bide_web_request *request)
{
    return bide_web_reply_text(request, 200, "fine");
}

static int ask_first(bide_web_client *client, const char *headers,
                     bide_web_response *response)
{
    const bide_web_client_options options = {
        .method = "OPTIONS",
        .headers = headers,
    };
    int rc = bide_web_client_request(client, "/", &options, response);
    return rc < 0 ? rc : response->status;
}

#define ORIGIN "Origin: https://a.example\r\n"

static int amain_cors(void *arg)
{
    bide_web_cors_options options = {
        .origins = "https://b.example, https://a.example",
        .methods = "GET, PUT",
        .headers = "X-Token",
        .expose = "X-Count",
        .credentials = true,
    };
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_response response;
    (void)arg;
    bide_web_use(app, bide_web_cors, &options);
    bide_web_route(app, "GET", "/", fine, NULL);
    bide_web_client *client = open_client(app);
    CHECK_INT(get(client, "/", &response), 200);
    CHECK(!bide_web_response_header(&response,
                                    "Access-Control-Allow-Origin"));
    CHECK_INT(get_with(client, "/", "Origin: https://a.example", &response),
              200);
    CHECK_STR(bide_web_response_header(&response,
                                       "Access-Control-Allow-Origin"),
              "https://a.example");
    CHECK_STR(bide_web_response_header(&response, "Vary"), "Origin");
    CHECK_STR(bide_web_response_header(&response,
                                       "Access-Control-Expose-Headers"),
              "X-Count");
    CHECK_INT(get_with(client, "/", "Origin: https://a.exampl", &response),
              200);
    CHECK(!bide_web_response_header(&response,
                                    "Access-Control-Allow-Origin"));
    CHECK_INT(ask_first(client, ORIGIN
                        "Access-Control-Request-Method: PUT\r\n"
                        "Access-Control-Request-Headers: x-token, accept\r\n",
                        &response), 200);
    CHECK_STR(bide_web_response_header(&response,
                                       "Access-Control-Allow-Methods"),
              "GET, PUT");
    CHECK_STR(bide_web_response_header(&response, "Access-Control-Max-Age"),
              "600");
    CHECK_INT(ask_first(client, "Origin: https://c.example\r\n"
                        "Access-Control-Request-Method: DELETE\r\n"
                        "Access-Control-Request-Headers: X-Other\r\n",
                        &response), 400);
    CHECK_STR(response.body, "Disallowed CORS origin, method, headers");
    CHECK(!bide_web_response_header(&response,
                                    "Access-Control-Allow-Origin"));
    close_client(client, app);
    return 0;
}

TEST(pages_of_other_origins_may_do_what_the_lists_say)
{
    run_clean(amain_cors);
}

static int amain_star(void *arg)
{
    bide_web_cors_options options = {.origins = "*", .methods = "*",
                                     .headers = "*"};
    bide_web_app *app = bide_web_app_new(NULL);
    bide_web_response response;
    (void)arg;
    bide_web_use(app, bide_web_cors, &options);
    bide_web_client *client = open_client(app);
    CHECK_INT(get_with(client, "/none", "Origin: null", &response), 404);
    CHECK_STR(bide_web_response_header(&response,
                                       "Access-Control-Allow-Origin"), "*");
    CHECK_INT(ask_first(client, ORIGIN
                        "Access-Control-Request-Method: BREW\r\n"
                        "Access-Control-Request-Headers: x-any\r\n",
                        &response), 200);
    CHECK_STR(bide_web_response_header(&response,
                                       "Access-Control-Allow-Headers"),
              "x-any");
    close_client(client, app);
    return 0;
}

TEST(a_star_stands_for_all_also_where_nothing_is_found)
{
    run_clean(amain_star);
}
