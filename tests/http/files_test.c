/* SPDX-License-Identifier: MIT */
/* files_test.c — files as replies: paths, conditions, ranges, twins. */
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file/desk.h"
#include "http.h"

#define LARGE 300000 /* bytes, more than are sent at once */

/* ── A site, and a client ─────────────────────────────────────────────── */

static void put_text(const char *name, const char *text)
{
    put(on_desk(name), text, strlen(text));
}

static void fill_site(void)
{
    static char large[LARGE];
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (char)('a' + i % 26);
    CHECK_OK(mkdir(on_desk("site"), 0755));
    CHECK_OK(mkdir(on_desk("site/sub"), 0755));
    CHECK_OK(mkdir(on_desk("site/empty"), 0755));
    CHECK_OK(mkdir(on_desk("site/.git"), 0755));
    put_text("secret", "secret");
    put_text("site/.git/config", "hidden");
    put_text("site/.hidden", "hidden");
    put_text("site/index.html", "<p>index");
    put_text("site/a.txt", "0123456789");
    put_text("site/zero", "");
    put_text("site/b b%.css", "blank");
    put_text("site/sub/index.html", "<p>sub");
    put_text("site/page.js", "plain");
    put_text("site/page.js.gz", "gzipped");
    put_text("site/page.js.br", "brotlied");
    put_text("site/empty/<x>&\"'.txt", "");
    CHECK_OK(mkdir(on_desk("site/empty/dir"), 0755));
    put(on_desk("site/large.bin"), large, LARGE);
    CHECK_OK(symlink("a.txt", on_desk("site/inside")));
    CHECK_OK(symlink("../secret", on_desk("site/outside")));
    CHECK_OK(symlink("/etc/passwd", on_desk("site/absolute")));
    CHECK_OK(mkfifo(on_desk("site/fifo"), 0644));
}

/* One conversation: what is asked, and all of the answer. */
static char reply[LARGE + 4096];

static void ask(const bide_http_server *server, const char *method,
                const char *target, const char *headers)
{
    static char text[8192];
    bide_stream *stream = dial(server);
    snprintf(text, sizeof text,
             "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n",
             method, target, headers);
    say(stream, text);
    CHECK(hear_all(stream, reply, sizeof reply) >= 0);
    bide_stream_close(stream);
}

static int status(void)
{
    int number = 0;
    (void)sscanf(reply, "HTTP/1.1 %d", &number);
    return number;
}

static const char *body(void)
{
    const char *end = strstr(reply, "\r\n\r\n");
    return end ? end + 4 : "";
}

static bool said(const char *line)
{
    const char *found = strstr(reply, line);
    return found && found < body() && found[strlen(line)] == '\r';
}

/* The value of a header, copied. */
static const char *header(const char *name, char value[256])
{
    char line[64];
    snprintf(line, sizeof line, "\r\n%s: ", name);
    const char *found = strstr(reply, line);
    value[0] = '\0';
    if (found)
        (void)sscanf(found + strlen(line), "%255[^\r]", value);
    return value;
}

#define CHECK_GET(server, target, expected)                                   \
    (ask(server, "GET", target, ""), CHECK_INT(status(), expected))

/* Run with a server of the site. */
static void with_site(bide_coroutine *coroutine)
{
    desk_open();
    fill_site();
    run_clean(coroutine);
    desk_close();
}

static bide_http_files *open_site(const bide_http_files_options *options)
{
    bide_http_files *files = NULL;
    CHECK_OK(bide_http_files_open(on_desk("site"), options, &files));
    return files;
}

static void close_site(bide_http_server *server, bide_http_files *files)
{
    CHECK_OK(bide_http_server_close(server));
    bide_http_files_close(files);
}

/* ── Which file ───────────────────────────────────────────────────────── */

static int amain_plain(void *arg)
{
    bide_http_files *files = open_site(NULL);
    bide_http_server *server = serve(bide_http_files_serve, files, NULL);
    (void)arg;
    CHECK_GET(server, "/a.txt?query", 200);
    CHECK_STR(body(), "0123456789");
    CHECK(said("Content-Type: text/plain; charset=utf-8"));
    CHECK(said("Content-Length: 10"));
    CHECK(said("Accept-Ranges: bytes"));
    ask(server, "HEAD", "/a.txt", "");
    CHECK_INT(status(), 200);
    CHECK(said("Content-Length: 10"));
    CHECK_STR(body(), "");
    CHECK_GET(server, "/b%20b%25.css", 200);
    CHECK_STR(body(), "blank");
    CHECK(said("Content-Type: text/css; charset=utf-8"));
    CHECK_GET(server, "http://elsewhere/a.txt", 200);
    CHECK_STR(body(), "0123456789");
    CHECK_GET(server, "/zero", 200);
    CHECK(said("Content-Length: 0"));
    CHECK_GET(server, "/", 200);
    CHECK_STR(body(), "<p>index");
    CHECK(said("Content-Type: text/html; charset=utf-8"));
    CHECK_GET(server, "/sub/", 200);
    CHECK_STR(body(), "<p>sub");
    CHECK_GET(server, "/sub?a=b", 301);
    CHECK(said("Location: /sub/?a=b"));
    CHECK_GET(server, "/inside", 200);
    CHECK_STR(body(), "0123456789");
    ask(server, "DELETE", "/a.txt", "");
    CHECK_INT(status(), 405);
    CHECK(said("Allow: GET, HEAD"));
    close_site(server, files);
    return 0;
}

TEST(a_directory_is_served)
{
    with_site(amain_plain);
}

static int amain_large(void *arg)
{
    bide_http_files *files = open_site(NULL);
    bide_http_server *server = serve(bide_http_files_serve, files, NULL);
    (void)arg;
    CHECK_GET(server, "/large.bin", 200);
    CHECK_INT(strlen(body()), LARGE);
    CHECK(strncmp(body() + 26000, "abc", 3) == 0);
    CHECK_INT(body()[LARGE - 1], 'a' + (LARGE - 1) % 26);
    ask(server, "GET", "/large.bin", "Range: bytes=1-299998\r\n");
    CHECK_INT(status(), 206);
    CHECK_INT(strlen(body()), LARGE - 2);
    CHECK(strncmp(body(), "bcd", 3) == 0);
    close_site(server, files);
    return 0;
}

TEST(a_large_file_arrives_whole)
{
    with_site(amain_large);
}

static int amain_unread(void *arg)
{
    const bide_http_server_options options = {.write_timeout = 0.2};
    bide_http_files *files = open_site(NULL);
    bide_http_server *server = serve(bide_http_files_serve, files, &options);
    bide_stream *stream = dial(server);
    (void)arg;
    watch_reports();
    int fd = open(on_desk("site/huge"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    CHECK_OK(ftruncate(fd, (off_t)1 << 30)); /* more than any socket holds */
    close(fd);
    say(stream, "GET /huge HTTP/1.1\r\nHost: x\r\n\r\n");
    while (reports.count == 0)
        CHECK_OK(bide_sleep(0.05));
    CHECK_INT(reports.code, -ETIME);
    bide_http_server_stop(server);
    CHECK_OK(bide_http_server_wait(server));
    bide_stream_close(stream);
    close_site(server, files);
    return 0;
}

TEST(a_client_that_takes_nothing_is_cut_off)
{
    with_site(amain_unread);
}

/* What must not be found, with and without the kernel's help. */
static bool check_no_way_out(const bide_http_server *server)
{
    bool held = true;
    static const char *const targets[] = {
        "/../secret", "/sub/../../secret", "/..%2fsecret", "/%2e%2e/secret",
        "/sub/%2e%2e/%2e%2e/secret", "/sub%2findex.html", "//etc/passwd",
        "/%2fetc/passwd", "/sub//index.html", "/./a.txt", "/sub/.", "/sub/..",
        "/outside", "/absolute", "/a.txt%00.html", "/a.txt/", "/a.txt/x",
        "/fifo", "/nothing", "/sub/nothing", "/empty/", "/%", "/%4", "/%zz",
        "/.hidden", "/.git/config", "/%2egit/config", "/..", "/sub/..%5c",
    };
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        ask(server, "GET", targets[i], "");
        if (!CHECK_INT(status(), 404)) {
            printf("# %s\n", targets[i]);
            held = false;
        }
        held &= CHECK(!strstr(reply, "secret"));
    }
    return held;
}

static int amain_no_way_out(void *arg)
{
    static char path[6000] = "/";
    bide_http_files *files = open_site(NULL);
    bide_http_server *server = serve(bide_http_files_serve, files, NULL);
    (void)arg;
    check_no_way_out(server);
    memset(path + 1, 'a', sizeof path - 2);
    CHECK_GET(server, path, 404);
    for (size_t i = 2; i < sizeof path - 1; i += 2)
        path[i] = '/';
    CHECK_GET(server, path, 404);
    close_site(server, files);
    return 0;
}

TEST(nothing_but_what_is_in_the_directory_is_found)
{
    with_site(amain_no_way_out);
}

static int amain_old_kernel(void *arg)
{
    bide_http_files *files = open_site(NULL);
    bide_http_server *server = serve(bide_http_files_serve, files, NULL);
    bool *held = arg;
    *held &= CHECK_GET(server, "/a.txt", 200);
    *held &= CHECK_GET(server, "/sub/", 200);
    *held &= CHECK_GET(server, "/", 200);
    *held &= CHECK_GET(server, "/inside", 404); /* no links at all */
    *held &= check_no_way_out(server);
    close_site(server, files);
    return 0;
}

static void forbid_openat2(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                 offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {4, code};
    CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    CHECK_OK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

/* A filter stays for ever, so this needs a process of its own. */
TEST(without_openat2_no_link_is_followed)
{
    int ended = -1;
    bool held = true;
    pid_t child = fork();
    if (child == 0) {
        desk_open();
        fill_site();
        forbid_openat2();
        held &= CHECK_INT(syscall(SYS_openat2, -1, "", NULL, 0), -1);
        held &= CHECK_INT(errno, ENOSYS);
        held &= CHECK_OK(bide_run(amain_old_kernel, &held));
        desk_close();
        fflush(stdout);
        _exit(held ? 0 : 1);
    }
    CHECK_INT(waitpid(child, &ended, 0), child);
    CHECK_INT(ended, 0);
}

static int amain_options(void *arg)
{
    static const bide_http_files_options options = {
        .prefix = "/static/",
        .index = "a.txt",
        .hidden = true,
        .cache_control = "max-age=60",
    };
    bide_http_files *files = open_site(&options);
    bide_http_server *server = serve(bide_http_files_serve, files, NULL);
    (void)arg;
    CHECK_GET(server, "/static/a.txt", 200);
    CHECK(said("Cache-Control: max-age=60"));
    CHECK_GET(server, "/static/", 200);
    CHECK_STR(body(), "0123456789");
    CHECK_GET(server, "/static", 301);
    CHECK(said("Location: /static/"));
    CHECK_GET(server, "/static/.hidden", 200);
    CHECK_GET(server, "/static/.git/config", 200);
    CHECK_GET(server, "/static/../secret", 404);
    CHECK_GET(server, "/static/./a.txt", 404);
    CHECK_GET(server, "/a.txt", 404);
    CHECK_GET(server, "/statica.txt", 404);
    close_site(server, files);
    return 0;
}

TEST(a_prefix_an_index_and_hidden_names_are_options)
{
    with_site(amain_options);
}

static int amain_listing(void *arg)
{
    static const bide_http_files_options options = {.listing = true};
    bide_http_files *files = open_site(&options);
    bide_http_server *server = serve(bide_http_files_serve, files, NULL);
    (void)arg;
    CHECK_GET(server, "/empty/", 200);
    CHECK_STR(body(),
              "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n"
              "<title>/empty</title>\n<h1>/empty</h1>\n<ul>\n"
              "<li><a href=\"../\">../</a>\n"
              "<li><a href=\"./%3Cx%3E%26%22%27.txt\">&lt;x>&amp;&quot;'.txt"
              "</a>\n<li><a href=\"./dir/\">dir/</a>\n</ul>\n");
    CHECK_GET(server, "/", 200);
    CHECK_STR(body(), "<p>index");
    close_site(server, files);
    return 0;
}

TEST(a_directory_without_an_index_is_listed_if_asked_for)
{
    with_site(amain_listing);
}

static int amain_refused(void *arg)
{
    static const bide_http_files_options wrong[] = {
        {.prefix = "static"},
        {.index = "a/b"},
        {.cache_control = "a\r\nb"},
    };
    bide_http_files *files;
    (void)arg;
    for (size_t i = 0; i < 3; i++)
        CHECK_ERR(bide_http_files_open(on_desk("site"), &wrong[i], &files),
                  -EINVAL);
    CHECK_ERR(bide_http_files_open(on_desk("none"), NULL, &files), -ENOENT);
    CHECK_ERR(bide_http_files_open(on_desk("secret"), NULL, &files),
              -ENOTDIR);
    bide_http_files_close(NULL);
    return 0;
}

TEST(options_that_cannot_be_are_refused)
{
    with_site(amain_refused);
}

/* ── Conditions ───────────────────────────────────────────────────────── */

static const char *with(const char *format, const char *value)
{
    static char line[512];
    snprintf(line, sizeof line, format, value);
    return line;
}

static int amain_conditions(void *arg)
{
    bide_http_files *files = open_site(NULL);
    bide_http_server *server = serve(bide_http_files_serve, files, NULL);
    char etag[256], date[256];
    (void)arg;
    const struct {
        const char *format;
        const char *value;
        int status;
    } cases[] = {
        {"If-None-Match: %s\r\n", etag, 304},
        {"If-None-Match: W/%s\r\n", etag, 304},
        {"If-None-Match: \"x\", %s\r\n", etag, 304},
        {"If-None-Match: \"x\"\r\nIf-None-Match: %s\r\n", etag, 304},
        {"If-None-Match: *\r\n", "", 304},
        {"If-None-Match: \"x\"\r\n", "", 200},
        {"If-None-Match: x\r\n", "", 200},
        {"If-Modified-Since: %s\r\n", date, 304},
        {"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "", 200},
        {"If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT\r\n", "", 304},
        {"If-Modified-Since: yesterday\r\n", "", 200},
        {"If-None-Match: \"x\"\r\nIf-Modified-Since: %s\r\n", date, 200},
        {"If-Match: %s\r\n", etag, 200},
        {"If-Match: W/%s\r\n", etag, 412},
        {"If-Match: \"x\"\r\n", "", 412},
        {"If-Match: *\r\n", "", 200},
        {"If-Unmodified-Since: %s\r\n", date, 200},
        {"If-Unmodified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", "", 412},
        {"If-Unmodified-Since: Sun Nov  6 08:49:37 1994\r\n", "", 412},
        {"If-Match: *\r\nIf-Unmodified-Since: Sun Nov  6 08:49:37 1994\r\n",
         "", 200},
    };
    CHECK_GET(server, "/a.txt", 200);
    header("ETag", etag);
    header("Last-Modified", date);
    CHECK_INT(etag[0], '"');
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(server, "GET", "/a.txt", with(cases[i].format, cases[i].value));
        if (!CHECK_INT(status(), cases[i].status))
            printf("# %s\n", with(cases[i].format, cases[i].value));
        CHECK_STR(body(), status() == 200 ? "0123456789" : "");
        CHECK(said(with("ETag: %s", etag)));
    }
    put_text("site/a.txt", "0123456780");
    CHECK_GET(server, "/a.txt", 200);
    CHECK(!said(with("ETag: %s", etag))); /* it changes with the file */
    close_site(server, files);
    return 0;
}

TEST(conditions_are_answered)
{
    with_site(amain_conditions);
}

/* ── Ranges ───────────────────────────────────────────────────────────── */

static int amain_ranges(void *arg)
{
    static const struct {
        const char *range;
        int status;
        const char *body;
        const char *content_range;
    } cases[] = {
        {"bytes=0-0", 206, "0", "bytes 0-0/10"},
        {"bytes=2-5", 206, "2345", "bytes 2-5/10"},
        {"bytes=8-", 206, "89", "bytes 8-9/10"},
        {"bytes=8-99999999999999999999999", 206, "89", "bytes 8-9/10"},
        {"bytes=-3", 206, "789", "bytes 7-9/10"},
        {"bytes=-30", 206, "0123456789", "bytes 0-9/10"},
        {"BYTES= 1-1 ", 206, "1", "bytes 1-1/10"},
        {"bytes=1-1,99-", 206, "1", "bytes 1-1/10"},
        {"bytes=10-", 416, "", "bytes */10"},
        {"bytes=-0", 416, "", "bytes */10"},
        {"bytes=99-, 100-200", 416, "", "bytes */10"},
        {"bytes=5-2", 200, "0123456789", ""},
        {"bytes=", 200, "0123456789", ""},
        {"bytes=-", 200, "0123456789", ""},
        {"bytes=a-b", 200, "0123456789", ""},
        {"bytes=1", 200, "0123456789", ""},
        {"bytes=1-2;", 200, "0123456789", ""},
        {"lines=1-2", 200, "0123456789", ""},
        {"bytes=0-9,0-9", 200, "0123456789", ""}, /* all is less */
        {"bytes=0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,"
         "0-0,0-0",
         200, "0123456789", ""}, /* 17 of them */
    };
    bide_http_files *files = open_site(NULL);
    bide_http_server *server = serve(bide_http_files_serve, files, NULL);
    char value[256];
    (void)arg;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(server, "GET", "/a.txt", with("Range: %s\r\n", cases[i].range));
        if (!CHECK_INT(status(), cases[i].status))
            printf("# %s\n", cases[i].range);
        CHECK_STR(body(), cases[i].body);
        CHECK_STR(header("Content-Range", value), cases[i].content_range);
    }
    ask(server, "HEAD", "/a.txt", "Range: bytes=0-0\r\n");
    CHECK_INT(status(), 200); /* ranges are for GET */
    ask(server, "GET", "/zero", "Range: bytes=0-0\r\n");
    CHECK_INT(status(), 200);
    close_site(server, files);
    return 0;
}

TEST(a_range_is_sent)
{
    with_site(amain_ranges);
}

static int amain_several(void *arg)
{
    bide_http_files *files = open_site(NULL);
    bide_http_server *server = serve(bide_http_files_serve, files, NULL);
    char type[256], boundary[64], expected[1024], length[64];
    (void)arg;
    ask(server, "GET", "/a.txt", "Range: bytes=0-1, -2\r\n");
    CHECK_INT(status(), 206);
    CHECK_INT(sscanf(header("Content-Type", type),
                     "multipart/byteranges; boundary=%63s", boundary),
              1);
    snprintf(expected, sizeof expected,
             "\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
             "Content-Range: bytes 0-1/10\r\n\r\n01"
             "\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
             "Content-Range: bytes 8-9/10\r\n\r\n89\r\n--%s--\r\n",
             boundary, boundary, boundary);
    CHECK_STR(body(), expected);
    snprintf(length, sizeof length, "Content-Length: %zu", strlen(expected));
    CHECK(said(length));
    ask(server, "GET", "/large.bin", "Range: bytes=0-99999, 200000-\r\n");
    CHECK_INT(status(), 206);
    CHECK(strlen(body()) > 200000 && strlen(body()) < 201000);
    close_site(server, files);
    return 0;
}

TEST(several_ranges_are_sent_as_parts)
{
    with_site(amain_several);
}

static int amain_if_range(void *arg)
{
    bide_http_files *files = open_site(NULL);
    bide_http_server *server = serve(bide_http_files_serve, files, NULL);
    char etag[256], date[256];
    (void)arg;
    CHECK_GET(server, "/a.txt", 200);
    header("ETag", etag);
    header("Last-Modified", date);
    ask(server, "GET", "/a.txt",
        with("Range: bytes=0-0\r\nIf-Range: %s\r\n", etag));
    CHECK_INT(status(), 206);
    ask(server, "GET", "/a.txt",
        with("Range: bytes=0-0\r\nIf-Range: W/%s\r\n", etag));
    CHECK_INT(status(), 200);
    ask(server, "GET", "/a.txt",
        with("Range: bytes=0-0\r\nIf-Range: %s\r\n", date));
    CHECK_INT(status(), 206);
    ask(server, "GET", "/a.txt",
        "Range: bytes=0-0\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    CHECK_INT(status(), 200);
    CHECK_STR(body(), "0123456789");
    close_site(server, files);
    return 0;
}

TEST(a_range_of_what_has_changed_is_not_sent)
{
    with_site(amain_if_range);
}

/* ── Twins ────────────────────────────────────────────────────────────── */

static int amain_twins(void *arg)
{
    static const bide_http_files_options options = {.compressed = true};
    static const struct {
        const char *accepted;
        const char *body;
        const char *coding;
    } cases[] = {
        {"gzip", "gzipped", "gzip"},
        {"gzip, deflate, br, zstd", "brotlied", "br"},
        {"gzip;q=1.0, br;q=0.5", "gzipped", "gzip"},
        {"zstd", "plain", ""}, /* there is none */
        {"zstd, gzip;q=0.1", "gzipped", "gzip"},
        {"br;q=0, *;q=0.3", "gzipped", "gzip"},
        {"*", "brotlied", "br"},
        {"*;q=0", "plain", ""},
        {"identity, gzip;q=0.5", "plain", ""},
        {"GZIP ; q=0.5", "gzipped", "gzip"},
        {"", "plain", ""},
    };
    bide_http_files *files = open_site(&options);
    bide_http_server *server = serve(bide_http_files_serve, files, NULL);
    char value[256], etag[256];
    (void)arg;
    CHECK_GET(server, "/page.js", 200);
    CHECK_STR(body(), "plain");
    header("ETag", etag);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(server, "GET", "/page.js",
            with("Accept-Encoding: %s\r\n", cases[i].accepted));
        if (!CHECK_STR(body(), cases[i].body))
            printf("# %s\n", cases[i].accepted);
        CHECK_STR(header("Content-Encoding", value), cases[i].coding);
        CHECK(said("Content-Type: text/javascript; charset=utf-8"));
        CHECK(said("Vary: Accept-Encoding"));
        CHECK(said(with("ETag: %s", etag)) == !cases[i].coding[0]);
    }
    close_site(server, files);
    files = open_site(NULL);
    server = serve(bide_http_files_serve, files, NULL);
    ask(server, "GET", "/page.js", "Accept-Encoding: gzip, br\r\n");
    CHECK_STR(body(), "plain");
    CHECK_STR(header("Vary", value), "");
    close_site(server, files);
    return 0;
}

TEST(a_compressed_twin_is_sent_to_who_accepts_it)
{
    with_site(amain_twins);
}

/* ── From handlers ────────────────────────────────────────────────────── */

struct wanted {
    const bide_http_files *files;
    const char *path;
    const char *type;
    int rc; /* what it came to */
};

static int reply_wanted(bide_http_request *request, void *arg)
{
    struct wanted *wanted = arg;
    int rc = bide_http_reply_header(request, "X-A", "1");
    if (rc == 0)
        rc = bide_http_reply_file(request, wanted->files, wanted->path,
                                  wanted->type);
    wanted->rc = rc;
    return rc == 0 ? 0 : bide_http_reply(request, 404, NULL, NULL, 0);
}

static int amain_handlers(void *arg)
{
    char path[4200];
    bide_http_files *files = open_site(NULL);
    struct wanted wanted = {files, "a.txt", "text/x", 0};
    bide_http_server *server = serve(reply_wanted, &wanted, NULL);
    (void)arg;
    CHECK_GET(server, "/any", 200);
    CHECK_STR(body(), "0123456789");
    CHECK(said("Content-Type: text/x"));
    CHECK(said("X-A: 1"));
    ask(server, "POST", "/any", "If-None-Match: *\r\n");
    CHECK_INT(status(), 412);
    wanted.path = "../secret";
    CHECK_GET(server, "/any", 404);
    CHECK_INT(wanted.rc, -EXDEV);
    wanted.path = "sub";
    CHECK_GET(server, "/any", 404);
    CHECK_INT(wanted.rc, -EISDIR);
    wanted.path = "fifo";
    CHECK_GET(server, "/any", 404);
    CHECK_INT(wanted.rc, -EISDIR);
    snprintf(path, sizeof path, "%s", on_desk("secret"));
    wanted = (struct wanted){NULL, path, NULL, 0};
    CHECK_GET(server, "/any", 200);
    CHECK_STR(body(), "secret");
    CHECK(said("Content-Type: application/octet-stream"));
    close_site(server, files);
    return 0;
}

TEST(a_handler_replies_with_a_file)
{
    with_site(amain_handlers);
}
