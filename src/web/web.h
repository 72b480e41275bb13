/* SPDX-License-Identifier: MIT */
/*
 * web.h — web applications from inside.
 *
 *     app.c         applications: making, mounting, what is remembered
 *     path.c        paths and their segments; percent-encoding
 *     router.c      the tree of routes, and finding one
 *     serve.c       one request: from the server's handler to its end
 *     life.c        beginning, listening, stopping
 *     background.c  tasks after the reply
 *     request.c     what a request says
 *     form.c        forms
 *     upload.c      forms with files
 *     multipart.c   their parser, which knows nothing else
 *     session.c     sessions, in signed cookies
 *     cors.c        pages of other origins
 *     query.c       urlencoded pairs, of queries and forms
 *     cookie.c      cookies
 *     endpoint.c    typed handlers: their input and output
 *     input.c       the input of a model, from all places of a request
 *     depend.c      dependencies
 *     socket.c      WebSockets
 *     static.c      directories of files
 *     openapi.c     the description of an application
 *     metrics.c     counting, and telling Prometheus
 *     builtin.c     routes that every application has
 *     docs.html     the page that shows the description
 *     reply.c       making replies, and sending them
 *
 * A request's struct and its arena come from a list of the application's, and
 * go back there when its last background task has ended: a request that does
 * not need much allocates nothing.
 *
 * Mounted applications have routes and middleware of their own, and nothing
 * else: the tree of routes, the requests and the life belong to the outermost.
 */
#ifndef BIDE_SRC_WEB_WEB_H
#define BIDE_SRC_WEB_WEB_H

#include <bide.h>
#include <bide/arena.h>
#include <bide/json.h>
#include <bide/web.h>

/* A name and a value, NUL-terminated. */
struct bide__web_pair {
    const char *name;
    const char *value;
    size_t len; /* of value */
};

/* Those of a query or a form. */
struct bide__web_pairs {
    struct bide__web_pair *all;
    size_t count;
};

/* ── Inputs ───────────────────────────────────────────────────────────── */

/* A dependency of an input, in the order of its fields. */
struct bide__web_need {
    size_t offset; /* of the pointer to the value */
    const bide_dependency *dependency;
};

/* What is derived from a model that is the input of a handler or of a
 * dependency. */
struct bide__web_input {
    struct bide__web_input *next; /* of the application's */
    const bide_model *model;
    unsigned places; /* bits of bide_in that have fields */
    const bide_field *body;     /* the only field of a body, not embedded */
    const bide_field *fields;   /* of a body or a form, or NULL ... */
    const bide_model *embedded; /* as a model, in which they are members */
    struct bide__web_need *needs;
    size_t n_needs;
};

/* A typed handler. */
struct bide__web_endpoint {
    bide_web_endpoint_handler *handler;
    const struct bide__web_input *in;
    const bide_model *out;
    bool out_list; /* made by BIDE_WEB_LIST */
    bide_web_socket_handler *socket; /* instead of handler */
    bide_websocket_options socket_options;
};

/* A connection whose handler runs, in its frame. */
struct bide__web_open {
    struct bide__web_open *next, **place;
    bide_websocket *ws;
};

/* A directory that is served. */
struct bide__web_static {
    struct bide__web_static *next;
    bide_http_files *files;
};

/* A dependency that others stand in for. */
struct bide__web_override {
    struct bide__web_override *next;
    const bide_dependency *dependency;
    const bide_dependency *replacement;
};

/* What a dependency has provided to a request. */
struct bide__web_value {
    struct bide__web_value *next; /* the one before it */
    const bide_dependency *dependency;
    void *value;
    bool finished;
};

/* An input that was read, before its dependencies are there. */
struct bide__web_object {
    struct bide__web_object *next;
    const bide_model *model;
    void *object;
};

/* ── Routes ───────────────────────────────────────────────────────────── */

/* Middleware with its argument. */
struct bide__web_call {
    bide_web_middleware *fn;
    void *arg;
};

struct bide__web_calls {
    struct bide__web_call *all;
    size_t count;
};

/* What is counted of a route. */
#define BIDE__WEB_STATUSES 12
#define BIDE__WEB_BUCKETS 13

struct bide__web_metrics {
    int statuses[BIDE__WEB_STATUSES]; /* those that occurred, then 0 */
    uint64_t counts[BIDE__WEB_STATUSES];
    uint64_t others; /* of more statuses */
    uint64_t buckets[BIDE__WEB_BUCKETS + 1]; /* of time; the last: more */
    double seconds;
};

struct bide__web_route {
    struct bide__web_route *next; /* of the application's, in their order */
    struct bide__web_route *also; /* of the same path, by another method */
    bide_web_app *app;            /* that it was added to */
    char *method;
    char *path;     /* with those of mounts */
    char **params;  /* the names in the path */
    size_t n_params;
    bide_web_handler *handler;
    struct bide__web_endpoint endpoint; /* without an input: it is none */
    bide_web_route_options options;
    const char *name;             /* the handler's, or NULL */
    struct bide__web_calls calls; /* middleware, the outermost first */
    struct bide__web_metrics metrics;
};

/* A place in the tree of paths. */
struct bide__web_node {
    char *text; /* the segment; NULL: of a parameter */
    size_t len;
    struct bide__web_node **nodes; /* below, by their own text; sorted */
    size_t n_nodes;
    struct bide__web_node *param;   /* below, by "{name}" */
    struct bide__web_route *routes; /* that end here */
    struct bide__web_route *rest;   /* that end here in "{name...}" */
};

/* ── Applications ─────────────────────────────────────────────────────── */

/* What is done at the beginning and at the end. */
struct bide__web_lifespan {
    struct bide__web_lifespan *next;
    bide_coroutine *startup;
    bide_coroutine *shutdown;
    void *arg;
};

struct bide_web_app {
    bide_web_app *parent;       /* that it is mounted on, or NULL */
    bide_web_app *root;         /* the outermost */
    bide_web_app *mounts;       /* on it */
    bide_web_app *sibling;      /* the next one on the same parent */
    char *prefix;               /* of its paths, with those of parents */
    struct bide__web_calls calls;

    /* Of the outermost alone. */
    bide_web_options options;   /* with the defaults filled in */
    struct bide__web_route *routes, **routes_end;
    struct bide__web_node tree;
    struct bide__web_route nowhere; /* where no route is found */
    struct bide__web_lifespan *lifespans, **lifespans_end;
    struct bide__web_input *inputs;
    struct bide__web_override *overrides;
    int fault;                  /* the first, of what was added */
    char fault_text[BIDE_ERRMSG_MAX];
    bool prepared;              /* since the last route was added */
    bool running;
    char *openapi;              /* made when it is asked for */
    bide_http_server *server;
    struct bide__web_open *sockets;
    struct bide__web_static *statics;
    bide_web_request *spare;    /* requests to be used again */
    size_t n_spare;
    size_t in_flight;           /* requests without a reply yet */
    size_t n_background;        /* requests with tasks after the reply */
    struct bide__web_after *after; /* these */
    bide_event idle;            /* set while there are none */
};

/* ── Requests ─────────────────────────────────────────────────────────── */

enum bide__web_hook_kind {
    BIDE__WEB_ON_REPLY,
    BIDE__WEB_ON_END,
    BIDE__WEB_DONE
};

struct bide__web_hook {
    struct bide__web_hook *next;
    enum bide__web_hook_kind kind;
    int (*on_reply)(bide_web_request *request, void *arg);
    void (*on_end)(bide_web_request *request, void *arg);
    void *arg;
};

/* A task after the reply. */
struct bide__web_job {
    struct bide__web_job *next;
    bide_coroutine *fn;
    void *arg;
};

/* A request whose tasks run. */
struct bide__web_after {
    struct bide__web_after *next, **place;
    bide_web_request *request;
    bide_task *task;
};

struct bide__web_header {
    struct bide__web_header *next;
    const char *name;
    const char *value;
};

struct bide_web_request {
    bide_web_request *next; /* in the list of spare ones */
    bide_arena arena;
    bide_http_request *http;
    bide_web_app *app; /* the outermost */
    struct bide__web_route *route;
    size_t at; /* the next one of the route's calls */
    double begun;

    char *path;                  /* as it was sent */
    const char *query_text;      /* behind the "?", or "" */
    int refused;                 /* a status, if the path is malformed */
    size_t n_segments;
    const char *rest;            /* of the path, from the last parameter on */
    const char *allowed;         /* methods, where the path has others */

    struct bide__web_session *session;
    const bide_web_upload *uploads;
    bool query_parsed, cookies_parsed, form_parsed;
    struct bide__web_pairs query, cookies, form;
    const char *body;
    ssize_t body_len;            /* or why it could not be read; 0 and no
                                    `body`: not yet */

    int status;                  /* of the reply; 0: none was made */
    const char *type;
    const char *reply;
    size_t reply_len;
    bool begun_reply;            /* it is being sent */
    bool failed;                 /* the handler returned a negative code */
    struct bide__web_header *headers, **headers_end;
    struct bide__web_hook *hooks; /* the newest first */
    struct bide__web_job *jobs, **jobs_end;
    struct bide__web_value *values;   /* of dependencies, the last first */
    struct bide__web_object *objects; /* inputs that were read */
    int outcome;                      /* what the handler returned */
    struct bide__web_after after;

    /* What is behind here need not be zero. */
    char *segments[BIDE_WEB_SEGMENTS_MAX]; /* decoded */
    const char *params[BIDE_WEB_PARAMS_MAX];
};

/* ── app.c ────────────────────────────────────────────────────────────── */

/* Remember the first thing that is wrong, for who serves. */
void bide__web_fault(bide_web_app *app, int code, const char *format, ...)
    BIDE_PRINTF(3, 4);

/* Add a route; takes nothing over. Returns it, or NULL with the fault
 * remembered. */
struct bide__web_route *
bide__web_add(bide_web_app *app, const char *method, const char *path,
              bide_web_handler *handler,
              const bide_web_route_options *options);

/* What is derived from the routes: middleware. Returns 0 or a negative
 * code, the first fault among them. */
int bide__web_prepare(bide_web_app *app);

/* A copy of text that bide_release() gives back, or NULL. */
char *bide__web_copy(const char *text, size_t len);

/* ── path.c ───────────────────────────────────────────────────────────── */

/* Decode "%41" in place, and "+" for a space if told. Returns the length, or
 * -EINVAL if there is a NUL in it. */
ssize_t bide__web_unquote(char *text, size_t len, bool plus);

/* Divide a request's target: path, segments and query. Returns 0, -ENOMEM, or
 * the status of a refusal. */
int bide__web_divide(bide_web_request *request);

/* Whether text can stand in a path of a route. Fills in what a segment is. */
enum bide__web_segment {
    BIDE__WEB_TEXT,
    BIDE__WEB_PARAM,
    BIDE__WEB_REST,
    BIDE__WEB_BAD
};
enum bide__web_segment bide__web_classify(const char *segment, size_t len);

/* ── router.c ─────────────────────────────────────────────────────────── */

int bide__web_tree_add(bide_web_app *app, struct bide__web_route *route);
void bide__web_tree_free(struct bide__web_node *node);

/* Find the route of a request: fills route, params, rest and allowed. Without
 * one, the route is `nowhere` of the app. */
int bide__web_find(bide_web_request *request);

/* Whether the path with a "/" more or less at its end would be found. */
bool bide__web_would_find(bide_web_request *request);

/* ── serve.c ──────────────────────────────────────────────────────────── */

/* A bide_http_handler, with the outermost app. */
int bide__web_handle(bide_http_request *http, void *arg);

/* The handler of `nowhere`. */
int bide__web_not_found(bide_web_request *request);

void bide__web_request_release(bide_web_request *request);
void bide__web_forget_spare(bide_web_app *app);

/* Tell the loop's exception handler of a code that nobody sees. */
void bide__web_report(const char *method, const char *path, int code);

/* ── metrics.c ────────────────────────────────────────────────────────── */

/* Count a request, by what serving it came to. */
void bide__web_count(const bide_web_request *request, int rc);

int bide__web_reply_metrics(bide_web_request *request);

/* ── builtin.c ────────────────────────────────────────────────────────── */

/* Add what every application has. */
void bide__web_add_builtin(bide_web_app *app);

/* ── life.c ───────────────────────────────────────────────────────────── */

/* What comes before listening, and after it. */
int bide__web_startup(bide_web_app *app);
int bide__web_shutdown(bide_web_app *app, int rc);

/* ── background.c ─────────────────────────────────────────────────────── */

/* The reply has been sent: run the request's tasks. Takes the request. */
void bide__web_run_jobs(bide_web_request *request);

/* Wait for all of them until a time, then cancel those that are left. */
int bide__web_await_jobs(bide_web_app *app, double until);

/* ── query.c ──────────────────────────────────────────────────────────── */

/* Parse "a=b&c=d", decoding copies in the arena. Returns 0, -ENOMEM, -EINVAL
 * for a NUL, or -E2BIG for too many. */
int bide__web_parse_pairs(bide_arena *arena, const char *text, size_t len,
                          struct bide__web_pairs *ret_pairs);

/* The nth value of a name, or NULL. */
const struct bide__web_pair *
bide__web_pair(const struct bide__web_pairs *pairs, const char *name,
               size_t nth);

/* The request's, parsed once. Return 0 or a negative code. */
int bide__web_query(bide_web_request *request);

/* ── upload.c ─────────────────────────────────────────────────────────── */

/* Read a multipart form. Returns as bide_web_form() does. */
int bide__web_read_multipart(bide_web_request *request, const char *type,
                             const bide_web_form_options *options);

/* ── cookie.c ─────────────────────────────────────────────────────────── */

int bide__web_cookies(bide_web_request *request);

/* ── input.c ──────────────────────────────────────────────────────────── */

/* What is derived from a model, made once for an application; NULL with the
 * fault remembered. */
const struct bide__web_input *bide__web_input(bide_web_app *app,
                                              const bide_model *model);
void bide__web_inputs_free(bide_web_app *app);

/* Read an input and those of its dependencies. Returns 0 or a negative code;
 * with faults, BIDE_E_WEB_ERROR, and 422 is the reply. */
int bide__web_read_input(bide_web_request *request,
                         const struct bide__web_input *input,
                         void **ret_object);

/* ── depend.c ─────────────────────────────────────────────────────────── */

/* Which one stands in for a dependency, or itself. */
const bide_dependency *bide__web_overridden(const bide_web_app *app,
                                            const bide_dependency *dependency);

/* Fill in what the dependencies of an input that was read provide. */
int bide__web_provide(bide_web_request *request,
                      const struct bide__web_input *input, void *object);

/* Finish those that do so before the reply. Returns rc, or the first failure
 * of them. */
int bide__web_finish_early(bide_web_request *request, int rc);

/* Finish those that are left. */
void bide__web_finish(bide_web_request *request);

/* ── socket.c ─────────────────────────────────────────────────────────── */

/* Tell all connections that the application goes. */
void bide__web_close_sockets(bide_web_app *app);

/* ── endpoint.c ───────────────────────────────────────────────────────── */

/* Add a route with an input. Returns it, or NULL with the fault remembered. */
struct bide__web_route *
bide__web_add_typed(bide_web_app *app, const char *method, const char *path,
                    bide_web_handler *handler, const char *name,
                    const bide_model *in,
                    const bide_web_route_options *options);

/* ── static.c ─────────────────────────────────────────────────────────── */

void bide__web_statics_free(bide_web_app *app);

/* ── reply.c ──────────────────────────────────────────────────────────── */

/* A reply whose type and body are the request's already. */
int bide__web_reply_own(bide_web_request *request, int status,
                        const char *type, const char *body, size_t len);

/* Forget the reply that was made, headers included. */
void bide__web_reply_clear(bide_web_request *request);

/* Send what was made. */
int bide__web_reply_send(bide_web_request *request);

/* The words of a status, "" if it has none. */
const char *bide__web_phrase(int status);

#endif
