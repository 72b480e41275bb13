/* SPDX-License-Identifier: MIT */
/*
 * <bide/web_form.h> — forms with files, sessions, and pages of other origins;
 * <bide/web.h> includes it.
 *
 *     static int add_photo(bide_web_request *request)
 *     {
 *         int rc = bide_web_form(request, NULL);
 *         if (rc < 0)
 *             return rc;
 *         const char *title = bide_web_form_value(request, "title");
 *         const bide_web_upload *photo =
 *             bide_web_form_upload(request, "photo");
 *         ...
 *         return keep(title, photo->file, photo->size);
 *     }
 *
 * Files go to the disk as they come, whatever their size: memory holds the
 * values alone. How large a body may be is said by `http.body` of the
 * application's options.
 */
#ifndef BIDE_WEB_FORM_H
#define BIDE_WEB_FORM_H

#include <bide/file.h>
#include <bide/web_request.h>

BIDE_BEGIN

/* ── Forms ────────────────────────────────────────────────────────────── */

/* Zeroed means: the defaults. */
typedef struct bide_web_form_options {
    const char *directory; /* for files, NULL: TMPDIR, or /tmp */
    uint64_t file;         /* bytes of a file, 0: what a body may have */
    size_t value;          /* bytes of another value, 0: 1 MiB */
    size_t parts;          /* values and files, 0: 1000 */
    void *reserved[8];     /* zero */
} bide_web_form_options;

/* A file of a form. All of it is the request's, until the reply was sent. */
typedef struct bide_web_upload {
    const struct bide_web_upload *next; /* in the order of the form */
    const char *name;     /* of the field */
    const char *filename; /* as the client says: not to be trusted as a path */
    const char *type;     /* Content-Type, "" if there is none */
    bide_file *file;      /* open for reading from its beginning; it has no
                             name, and goes with the request */
    uint64_t size;
} bide_web_upload;

/*
 * bide_web_form — read a form: application/x-www-form-urlencoded, or
 * multipart/form-data.
 *
 * Returns:  0 or a negative code. The second call does nothing. A body of
 *           another type is an empty form.
 *   options   borrowed during the call; NULL means the defaults
 * Suspends: always a cancellation point.
 * Cancel:   what has been read is lost.
 * Errors:   BIDE_E_WEB_ERROR with a reply made: 400 for a malformed form, 413
 *           for one beyond a limit; those of bide_http_request_read() and of
 *           bide_temporary_file(); -ENOMEM
 * Thread:   the loop's, in the request's task.
 * Like:     await Request.form.
 * Source:   RFC 7578.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_web_form(bide_web_request *request, const bide_web_form_options *options);

/*
 * bide_web_form_value — a value of a form that was read.
 *
 * Returns:  the first one of that name, the request's; NULL if there is none.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     form[name].
 */
BIDE_API const char *bide_web_form_value(const bide_web_request *request,
                                         const char *name);

/*
 * bide_web_form_upload — a file of a form that was read.
 *
 * Returns:  the first one of that name; NULL if there is none.
 *   name   NULL: the first of all
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     UploadFile.
 */
BIDE_API const bide_web_upload *
bide_web_form_upload(const bide_web_request *request, const char *name);

/* ── Sessions ─────────────────────────────────────────────────────────── */

/* Zeroed but for the secret means: the defaults. */
typedef struct bide_web_session_options {
    const char *secret;    /* at least 16 bytes; who knows it can forge
                              sessions */
    const char *cookie;    /* its name, NULL: "session" */
    int64_t max_age;       /* seconds, 0: 14 days */
    const char *same_site; /* NULL: "lax" */
    bool secure;           /* over TLS only */
    void *reserved[8];     /* zero */
} bide_web_session_options;

/*
 * bide_web_sessions — middleware: values that a client brings back with each
 * request.
 *
 *     bide_web_use(app, bide_web_sessions, &options);
 *
 * They stand in a cookie, signed by HMAC-SHA256 with the time: a client can
 * read them, and cannot change them. One that was tampered with, or is older
 * than max_age, is an empty session.
 *
 * Returns:  what is within; -EINVAL for options without a good secret.
 *   arg   a bide_web_session_options, borrowed until the app is freed
 * Suspends: as what is within; to be taken for a cancellation point.
 * Cancel:   as what is within.
 * Errors:   -EINVAL; those of what is within
 * Thread:   the loop's.
 * Like:     SessionMiddleware.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_web_sessions(bide_web_request *request, void *arg);

/*
 * bide_web_session — a value of the session.
 *
 * Returns:  it, the request's; NULL if there is none.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     request.session.get(key).
 */
BIDE_API const char *bide_web_session(const bide_web_request *request,
                                      const char *key);

/*
 * bide_web_session_set — change a value of the session, before the reply.
 *
 * Returns:  0 or a negative code.
 *   key     copied
 *   value   copied; NULL removes it
 * Suspends: never.
 * Errors:   -EINVAL without bide_web_sessions() around the handler; -E2BIG
 *           for more than 64 values; -ENOMEM. A session that does not fit a
 *           cookie of 4 KiB makes the reply a 500.
 * Thread:   the loop's, in the request's task.
 * Like:     request.session[key] = value.
 */
BIDE_API BIDE_NODISCARD int bide_web_session_set(bide_web_request *request,
                                                 const char *key,
                                                 const char *value);

/* ── Other origins ────────────────────────────────────────────────────── */

/* What pages of other origins may do. Zeroed means: nothing. Lists have
 * commas between their items; "*" stands for all. */
typedef struct bide_web_cors_options {
    const char *origins; /* "https://a.example,https://b.example" */
    const char *methods; /* NULL: "GET" */
    const char *headers; /* of requests, beside those always allowed */
    const char *expose;  /* headers of replies that scripts may read */
    bool credentials;    /* cookies and the like */
    int max_age;         /* seconds that browsers remember it, 0: 600 */
    void *reserved[8];   /* zero */
} bide_web_cors_options;

/*
 * bide_web_cors — middleware: let pages of other origins use the application.
 *
 *     bide_web_use(app, bide_web_cors, &options);
 *
 * Replies to the browser's question before a request (its preflight), with
 * 400 and the reason if the answer is no.
 *
 * Returns:  what is within.
 *   arg   a bide_web_cors_options, borrowed until the app is freed
 * Suspends: as what is within; to be taken for a cancellation point.
 * Cancel:   as what is within.
 * Errors:   those of what is within
 * Thread:   the loop's.
 * Like:     CORSMiddleware.
 * Source:   https://fetch.spec.whatwg.org/#http-cors-protocol.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int bide_web_cors(
    bide_web_request *request, void *arg);

BIDE_END

#endif
