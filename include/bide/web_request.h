/* SPDX-License-Identifier: MIT */
/*
 * <bide/web_request.h> — what a request to an application says, and replying
 * to it; <bide/web.h> includes it.
 *
 *     static int get_user(bide_web_request *request)
 *     {
 *         const char *name = bide_web_request_param(request, "name");
 *         if (strcmp(name, "ada") != 0)
 *             return bide_web_error(request, 404, "no user %s", name);
 *         return bide_web_reply_text(request, 200, "Ada Lovelace");
 *     }
 *
 * What is returned here is the request's: it lives until its reply has been
 * sent and its background tasks have ended. So does what a handler gets from
 * bide_web_request_allocate().
 *
 * A reply is made first and sent later, when the handler and the middleware
 * around it have returned; until then it can be replaced. One whose body is
 * written in pieces goes out at once.
 */
#ifndef BIDE_WEB_REQUEST_H
#define BIDE_WEB_REQUEST_H

#include <bide/arena.h>
#include <bide/web_app.h>

BIDE_BEGIN

/* Names and values in a query or a form, at most. */
#define BIDE_WEB_PAIRS_MAX 1000

/* ── What a request says ──────────────────────────────────────────────── */

/*
 * bide_web_state — the application's state, from its options.
 *
 * Returns:  what the options of the outermost application say.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     request.app.state.
 */
BIDE_API void *bide_web_state(const bide_web_request *request);

/*
 * bide_web_arg — the argument of the route, from its options.
 *
 * Returns:  it, or NULL.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API void *bide_web_arg(const bide_web_request *request);

/*
 * bide_web_request_http — the request of the server below: its headers one by
 * one, its connection.
 *
 * Returns:  the request, until the reply has been sent; not to be replied to.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API bide_http_request *
bide_web_request_http(const bide_web_request *request);

/*
 * bide_web_request_method — "GET", "POST" and so on.
 *
 * Returns:  the request's, until the reply has been sent.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Request.method.
 */
BIDE_API const char *bide_web_request_method(const bide_web_request *request);

/*
 * bide_web_request_path — the path as it was sent, without the query.
 *
 * Returns:  the request's.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Request.url.path.
 */
BIDE_API const char *bide_web_request_path(const bide_web_request *request);

/*
 * bide_web_request_route — the path of the route that was found.
 *
 * Returns:  "/users/{id}", with the paths of mounts in front; NULL if none
 *           was found.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API const char *bide_web_request_route(const bide_web_request *request);

/*
 * bide_web_request_param — what a "{name}" of the route's path stands for.
 *
 * Returns:  the segment, decoded, the request's; NULL if the path has no such
 *           name.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Request.path_params.
 */
BIDE_API const char *bide_web_request_param(const bide_web_request *request,
                                            const char *name);

/*
 * bide_web_request_query — a value of the query.
 *
 * Returns:  the first one of that name, decoded, the request's; NULL if there
 *           is none, or the query is too long or malformed.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Request.query_params.get.
 */
BIDE_API const char *bide_web_request_query(bide_web_request *request,
                                            const char *name);

/*
 * bide_web_request_query_at — the values of the query in their order.
 *
 * Returns:  whether there is one of that index.
 *   index                 from 0
 *   ret_name, ret_value   set to what is the request's
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Request.query_params.multi_items.
 */
BIDE_API bool bide_web_request_query_at(bide_web_request *request,
                                        size_t index, const char **ret_name,
                                        const char **ret_value);

/*
 * bide_web_request_header — a header.
 *
 * Returns:  the first value of that name, the request's until the reply has
 *           been sent; NULL if there is none.
 *   name   in any case of letters
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Request.headers.get.
 */
BIDE_API const char *
bide_web_request_header(const bide_web_request *request, const char *name);

/*
 * bide_web_request_cookie — a cookie.
 *
 * Returns:  its value, the request's; NULL if there is none.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Request.cookies.get.
 * Source:   RFC 6265, section 5.4.
 */
BIDE_API const char *bide_web_request_cookie(bide_web_request *request,
                                             const char *name);

/*
 * bide_web_request_body — the whole body.
 *
 * Returns:  its bytes, or a negative code; the second call returns the same.
 *   ret_data   set to the request's; a NUL follows
 * Suspends: always a cancellation point.
 * Cancel:   what has been read is lost.
 * Errors:   as bide_http_request_body(). A handler that returns the code has
 *           the client told what was wrong.
 * Thread:   the loop's, in the handler's task.
 * Like:     await Request.body.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD ssize_t
bide_web_request_body(bide_web_request *request, const char **ret_data);

/*
 * bide_web_request_arena — memory that lives as long as the request.
 *
 * Returns:  the arena, the request's.
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API bide_arena *bide_web_request_arena(bide_web_request *request);

/*
 * bide_web_request_allocate — memory that lives as long as the request, and as
 * its background tasks.
 *
 * Returns:  size bytes, or NULL: out of memory, or beyond `memory` of the
 *           options.
 * Suspends: never.
 * Owns:     the request.
 * Thread:   the loop's.
 */
BIDE_API void *bide_web_request_allocate(bide_web_request *request,
                                         size_t size);

/* ── Replying ─────────────────────────────────────────────────────────── */

/*
 * bide_web_reply — make a reply.
 *
 * Returns:  0 or a negative code.
 *   status   200..599; 0: the route's
 *   type     Content-Type, copied; NULL: none
 *   body     copied; NULL: empty
 *   len      its bytes
 * Suspends: never.
 * Errors:   -EALREADY if the reply has begun to be sent; -EINVAL for status
 *           and type; -ENOMEM
 * Thread:   the loop's, in the request's task.
 * Like:     Response.
 */
BIDE_API BIDE_NODISCARD int bide_web_reply(bide_web_request *request,
                                           int status, const char *type,
                                           const void *body, size_t len);

/*
 * bide_web_reply_text — make a reply of plain text.
 *
 * Returns:  as bide_web_reply().
 *   text   UTF-8, copied
 * Suspends: never.
 * Errors:   as bide_web_reply()
 * Thread:   the loop's, in the request's task.
 * Like:     PlainTextResponse.
 */
BIDE_API BIDE_NODISCARD int bide_web_reply_text(bide_web_request *request,
                                                int status, const char *text);

/*
 * bide_web_reply_html — make a reply of HTML.
 *
 * Returns:  as bide_web_reply().
 *   html   UTF-8, copied
 * Suspends: never.
 * Errors:   as bide_web_reply()
 * Thread:   the loop's, in the request's task.
 * Like:     HTMLResponse.
 */
BIDE_API BIDE_NODISCARD int bide_web_reply_html(bide_web_request *request,
                                                int status, const char *html);

/*
 * bide_web_reply_json — make a reply of a JSON document.
 *
 * Returns:  as bide_web_reply().
 *   json   the text of the document, copied
 * Suspends: never.
 * Errors:   as bide_web_reply()
 * Thread:   the loop's, in the request's task.
 * Like:     JSONResponse, of text.
 */
BIDE_API BIDE_NODISCARD int bide_web_reply_json(bide_web_request *request,
                                                int status, const char *json);

/*
 * bide_web_reply_redirect — send the client somewhere else.
 *
 * Returns:  as bide_web_reply().
 *   status   300..399; 0: 307
 *   url      copied
 * Suspends: never.
 * Errors:   as bide_web_reply(); -EINVAL for a url with spaces or control
 *           characters
 * Thread:   the loop's, in the request's task.
 * Like:     RedirectResponse.
 */
BIDE_API BIDE_NODISCARD int bide_web_reply_redirect(bide_web_request *request,
                                                    int status,
                                                    const char *url);

/*
 * bide_web_reply_begin — begin a reply whose body is written in pieces; its
 * status and headers go out with the first one.
 *
 * Returns:  0 or a negative code.
 *   status   200..599; 0: the route's
 *   type     Content-Type; NULL: none
 *   length   bytes of the body; -1: not known
 * Suspends: always a cancellation point: what waits for the reply is called.
 * Cancel:   the connection is cut off.
 * Errors:   as bide_web_reply() and bide_http_reply_begin()
 * Thread:   the loop's, in the request's task.
 * Like:     StreamingResponse.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_web_reply_begin(bide_web_request *request, int status, const char *type,
                     int64_t length);

/*
 * bide_web_reply_write — write a piece of the reply's body.
 *
 * Returns:  0 when the system has taken it, or a negative code.
 *   data, len   borrowed during the call
 * Suspends: always a cancellation point.
 * Cancel:   the connection is cut off.
 * Errors:   as bide_http_reply_write()
 * Thread:   the loop's, in the request's task.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_web_reply_write(bide_web_request *request, const void *data, size_t len);

/*
 * bide_web_request_take — reply by the functions of <bide/http.h>: a file, a
 * stream of events, another protocol.
 *
 *     rc = bide_web_request_take(request, &http);
 *     if (rc == 0)
 *         rc = bide_http_reply_file(http, NULL, "report.pdf", NULL);
 *
 * What waits for the reply is called, and the headers that were added are
 * handed over. The reply's status is not known here: metrics count it as
 * "other".
 *
 * Returns:  0 or a negative code.
 *   ret_http   set on success, until the handler returns; to be replied to
 * Suspends: always to be taken for a cancellation point.
 * Cancel:   no reply is made.
 * Errors:   -EALREADY if the reply has begun; those of bide_web_on_reply()
 * Thread:   the loop's, in the request's task.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_web_request_take(bide_web_request *request,
                      bide_http_request **ret_http);

/*
 * bide_web_reply_header — add a header to the reply.
 *
 * It belongs to whatever reply is made, before or after this call.
 *
 * Returns:  0 or a negative code.
 *   name, value   copied
 * Suspends: never.
 * Errors:   -EALREADY if the reply has begun to be sent; -EINVAL for what
 *           cannot be a header; -ENOMEM
 * Thread:   the loop's, in the request's task.
 * Like:     Response.headers.append.
 */
BIDE_API BIDE_NODISCARD int bide_web_reply_header(bide_web_request *request,
                                                  const char *name,
                                                  const char *value);

/* How a browser keeps a cookie. Zeroed means: the defaults. */
typedef struct bide_web_cookie_options {
    int64_t max_age;       /* seconds, 0: until the browser is closed */
    const char *path;      /* NULL: "/" */
    const char *domain;    /* NULL: the host alone */
    const char *same_site; /* NULL: "lax"; "strict", "none" */
    bool secure;           /* over TLS only */
    bool scripts;          /* scripts may read it: not HttpOnly */
    void *reserved[4];     /* zero */
} bide_web_cookie_options;

/*
 * bide_web_reply_cookie — have the client keep a cookie.
 *
 * Unlike Starlette's, it is hidden from scripts unless the options say so.
 *
 * Returns:  0 or a negative code.
 *   name, value   copied; NULL as value deletes the cookie
 *   options       NULL means the defaults
 * Suspends: never.
 * Errors:   as bide_web_reply_header(); -EINVAL for a name, value or option
 *           with characters that no cookie can have
 * Thread:   the loop's, in the request's task.
 * Like:     Response.set_cookie, Response.delete_cookie.
 * Source:   RFC 6265, section 4.1.
 */
BIDE_API BIDE_NODISCARD int
bide_web_reply_cookie(bide_web_request *request, const char *name,
                      const char *value,
                      const bide_web_cookie_options *options);

/*
 * bide_web_reply_status — the status of the reply that was made.
 *
 * Returns:  it, or 0 if none was made yet.
 * Suspends: never.
 * Thread:   the loop's.
 * Like:     Response.status_code.
 */
BIDE_API int bide_web_reply_status(const bide_web_request *request);

/*
 * bide_web_error — make a reply of {"detail": "..."}, and fail with it.
 *
 *     return bide_web_error(request, 404, "no item %lld", id);
 *
 * Returns:  BIDE_E_WEB_ERROR, which whoever calls handlers takes for a reply;
 *           or another negative code if it could not be made. A dependency
 *           that is to commit only what has succeeded sees the code.
 *   status   400..599
 *   format   as printf(3); NULL: the status's own words
 * Suspends: never.
 * Errors:   as bide_web_reply()
 * Thread:   the loop's, in the request's task.
 * Like:     raise HTTPException(status, detail).
 */
BIDE_API int bide_web_error(bide_web_request *request, int status,
                            const char *format, ...) BIDE_PRINTF(3, 4);

/* ── Around the reply ─────────────────────────────────────────────────── */

/*
 * bide_web_on_reply — have a function called right before the reply is sent:
 * it may still add headers.
 *
 * Returns:  0 or -ENOMEM.
 *   fn    may suspend; a negative code makes the reply a 500. Several are
 *         called in reverse order of these calls
 *   arg   passed to it
 * Suspends: never.
 * Errors:   -ENOMEM
 * Thread:   the loop's, in the request's task.
 */
BIDE_API BIDE_NODISCARD int
bide_web_on_reply(bide_web_request *request,
                  int (*fn)(bide_web_request *request, void *arg), void *arg);

/*
 * bide_web_on_end — have a function called after the reply was sent, or could
 * not be.
 *
 * Returns:  0 or -ENOMEM.
 *   fn    may suspend. Several are called in reverse order of these calls
 *   arg   passed to it
 * Suspends: never.
 * Errors:   -ENOMEM
 * Thread:   the loop's, in the request's task.
 */
BIDE_API BIDE_NODISCARD int
bide_web_on_end(bide_web_request *request,
                void (*fn)(bide_web_request *request, void *arg), void *arg);

/*
 * bide_web_background — have a coroutine run after the reply was sent, and
 * after what bide_web_on_end() names.
 *
 * A request's run one after the other, in the order of these calls, in a task
 * of their own: the connection goes on. They are not run if the request ended
 * in a negative code other than BIDE_E_WEB_ERROR. bide_web_stop() awaits them.
 * One that fails is reported to the loop's exception handler, and the next one
 * runs.
 *
 * Returns:  0 or a negative code.
 *   fn    the coroutine
 *   arg   passed to it; memory of the request lives long enough, what a
 *         dependency has provided does not
 * Suspends: never.
 * Errors:   BIDE_E_WEB_ERROR with 503 as the reply, when as many requests as
 *           the options say have such tasks running; -ENOMEM
 * Thread:   the loop's, in the request's task.
 * Like:     BackgroundTasks.add_task.
 */
BIDE_API BIDE_NODISCARD int bide_web_background(bide_web_request *request,
                                                bide_coroutine *fn, void *arg);

BIDE_END

#endif
