/* SPDX-License-Identifier: MIT */
/*
 * <bide/web_endpoint.h> — endpoints whose input is a struct, and the
 * dependencies of handlers; <bide/web.h> includes it.
 *
 * A struct that is described by <bide/describe.h> is the signature of an
 * endpoint: where each field comes from, and what it may be.
 *
 *     BIDE_MODEL(CreateItem,
 *         BIDE_PATH(i64, shop, .ge = 1),
 *         BIDE_QUERY(bool, dry, .def = "false"),
 *         BIDE_BODY(NewItem, item),
 *         BIDE_DEP(Db, db, transaction));
 *
 *     static int create_item(bide_web_request *request,
 *                            const CreateItem *in, Item *out)
 *     {
 *         if (in->shop > 100)
 *             return bide_web_error(request, 404, "no shop %lld", in->shop);
 *         return insert_item(in->db, in->shop, &in->item, out);
 *     }
 *     ...
 *     BIDE_WEB_POST(app, "/shops/{shop}/items", create_item, CreateItem, Item,
 *                   .status = 201, .tags = "items");
 *
 * The handler is called with what is valid alone. Else the reply is 422, whose
 * `detail` has all faults in FastAPI's form. What it writes to `out` is the
 * reply, unless it has made another one. The macros check the handler's type.
 *
 * What is in `in` and `out`, and what those point to, is the request's: memory
 * for `out` comes from bide_web_request_allocate().
 */
#ifndef BIDE_WEB_ENDPOINT_H
#define BIDE_WEB_ENDPOINT_H

#include <bide/model.h>
#include <bide/web_request.h>
#include <bide/websocket.h>

BIDE_BEGIN

/* ── Endpoints ────────────────────────────────────────────────────────── */

/* No input, or no output: the handler replies, else the status alone is. */
typedef struct bide_web_none {
    char unused;
} bide_web_none;

#ifndef __cplusplus
static const bide_model bide_model_bide_web_none __attribute__((unused)) = {
    .name = "bide_web_none",
    .kind = BIDE_KIND_MODEL,
    .size = sizeof(bide_web_none),
};
#endif

/* What the macros make of handlers: `in` and `out` are of the models. */
typedef int bide_web_endpoint_handler(bide_web_request *request,
                                      const void *in, void *out);

/*
 * bide_web_endpoint — add a route with a typed handler; use the macros
 * BIDE_WEB_GET, BIDE_WEB_POST and so on, which check its type.
 *
 *   app       not running; NULL is allowed
 *   method    "POST"
 *   path      each "{name}" of it is a BIDE_PATH field of the input
 *   handler   for each request whose input is valid
 *   name      of the handler, for the documentation
 *   in, out   the models of its input and output
 *   options   copied; NULL means the defaults
 * Suspends: never.
 * Errors:   as bide_web_route(); -EINVAL for a BIDE_PATH that is not in the
 *           path, and for models that bide_model_prepare() refuses: when it
 *           is served
 * Thread:   the loop's.
 * Like:     @app.post(path, response_model=Out).
 */
BIDE_API void bide_web_endpoint(bide_web_app *app, const char *method,
                                const char *path,
                                bide_web_endpoint_handler *handler,
                                const char *name, const bide_model *in,
                                const bide_model *out,
                                const bide_web_route_options *options);

/* BIDE_WEB_LIST(Users, User): an output that is an array, and `Users` the
 * struct {User *items; size_t n_items;} for it. Outside functions. */
#define BIDE_WEB_LIST(List, Item)                                             \
    typedef struct List {                                                     \
        bide_type_##Item *items;                                              \
        size_t n_items;                                                       \
    } List;                                                                   \
    static const bide_field bide_fields_##List[] = {{                         \
        .member = "items",                                                    \
        .model = &bide_model_##Item,                                          \
        .offset = offsetof(List, items),                                      \
        .count_offset = offsetof(List, n_items),                              \
        .shape = BIDE_SHAPE_LIST,                                             \
    }};                                                                       \
    static const bide_model bide_model_##List __attribute__((unused)) = {     \
        .name = #List,                                                        \
        .kind = BIDE_KIND_OPAQUE,                                             \
        .size = sizeof(List),                                                 \
        .fields = bide_fields_##List,                                         \
        .n_fields = 1,                                                        \
    };                                                                        \
    typedef struct List List

/* BIDE_WEB_ADD(app, method, path, handler, In, Out, options...): the handler
 * is int handler(bide_web_request *, const In *, Out *), the options are
 * members of bide_web_route_options. */
#define BIDE_WEB_ADD(app, method, path, handler, In, Out, ...)                \
    do {                                                                      \
        _Static_assert(                                                       \
            __builtin_types_compatible_p(                                     \
                __typeof__(handler),                                          \
                int(bide_web_request *, const In *, Out *)),                  \
            #handler " must be of type int(bide_web_request *, const " #In    \
                     " *, " #Out " *)");                                      \
        bide_web_endpoint(app, method, path,                                  \
                          (bide_web_endpoint_handler *)(handler), #handler,   \
                          &bide_model_##In, &bide_model_##Out,                \
                          &(const bide_web_route_options){__VA_ARGS__});      \
    } while (0)

#define BIDE_WEB_GET(app, ...) BIDE_WEB_ADD(app, "GET", __VA_ARGS__, )
#define BIDE_WEB_POST(app, ...) BIDE_WEB_ADD(app, "POST", __VA_ARGS__, )
#define BIDE_WEB_PUT(app, ...) BIDE_WEB_ADD(app, "PUT", __VA_ARGS__, )
#define BIDE_WEB_PATCH(app, ...) BIDE_WEB_ADD(app, "PATCH", __VA_ARGS__, )
#define BIDE_WEB_DELETE(app, ...) BIDE_WEB_ADD(app, "DELETE", __VA_ARGS__, )

/* ── WebSockets ───────────────────────────────────────────────────────── */

/* What BIDE_WEB_SOCKET makes of handlers. */
typedef int bide_web_socket_handler(bide_web_request *request, const void *in,
                                    bide_websocket *ws);

/*
 * bide_web_socket — add a route for WebSockets; use BIDE_WEB_SOCKET, which
 * checks the handler's type.
 *
 * The input is checked as that of other endpoints before the connection is
 * accepted. When the handler returns the connection is closed, by the number
 * 1000, or 1011 after a negative code. bide_web_stop() closes those that are
 * open by 1001: their handlers receive the end.
 *
 *   app, path, handler, name, in   as for bide_web_endpoint()
 *   options                        of the connection, copied, its texts are
 *                                  borrowed until the app is freed; NULL means
 *                                  the defaults
 * Suspends: never.
 * Errors:   as bide_web_endpoint(), when it is served
 * Thread:   the loop's.
 * Like:     @app.websocket(path).
 */
BIDE_API void bide_web_socket(bide_web_app *app, const char *path,
                              bide_web_socket_handler *handler,
                              const char *name, const bide_model *in,
                              const bide_websocket_options *options);

/* BIDE_WEB_SOCKET(app, path, handler, In, options...): the handler is
 * int handler(bide_web_request *, const In *, bide_websocket *), the options
 * are members of bide_websocket_options. */
#define BIDE_WEB_SOCKET(...) BIDE__WEB_SOCKET(__VA_ARGS__, )
#define BIDE__WEB_SOCKET(app, path, handler, In, ...)                         \
    do {                                                                      \
        _Static_assert(                                                       \
            __builtin_types_compatible_p(                                     \
                __typeof__(handler),                                          \
                int(bide_web_request *, const In *, bide_websocket *)),       \
            #handler " must be of type int(bide_web_request *, const " #In    \
                     " *, bide_websocket *)");                                \
        bide_web_socket(app, path, (bide_web_socket_handler *)(handler),      \
                        #handler, &bide_model_##In,                           \
                        &(const bide_websocket_options){__VA_ARGS__});        \
    } while (0)

/* ── Dependencies ─────────────────────────────────────────────────────── */

/*
 * What provides a value to handlers. Its own input is of the same request; it
 * can have dependencies of its own, too. In one request a dependency provides
 * once, whoever asks for it.
 */
typedef struct bide_dependency {
    const char *name;
    const char *type_name;   /* of the value */
    const bide_model *input; /* of provide; no BODY or FORM in it */

    /* Sets *ret_value; a negative code, of bide_web_error() for instance, is
     * that of the request. */
    int (*provide)(bide_web_request *request, const void *in,
                   void **ret_value);

    /* Cleans up, NULL: nothing to do. `rc` is what the handler returned, or a
     * dependency behind this one: negative if it failed. What is provided last
     * is finished first. */
    int (*finish)(bide_web_request *request, void *value, int rc);

    /* When: false: after the reply was sent, and the result is reported only.
     * True: when the handler has returned, and a negative result fails the
     * request as that of the handler does. */
    bool before_reply;
} bide_dependency;

/*
 * BIDE_DEPENDENCY(name, provide, In, Type, options...): a dependency `name`,
 * outside functions. The function is
 *
 *     int provide(bide_web_request *request, const In *in, Type **ret_value)
 *
 * and the options are members of bide_dependency.
 */
#define BIDE_DEPENDENCY(...) BIDE__DEPENDENCY(__VA_ARGS__, )
#define BIDE__DEPENDENCY(dependency, function, In, Type, ...)                 \
    _Static_assert(                                                           \
        __builtin_types_compatible_p(                                         \
            __typeof__(function),                                             \
            int(bide_web_request *, const In *, Type **)),                    \
        #function " must be of type int(bide_web_request *, const " #In       \
                  " *, " #Type " **)");                                       \
    static const bide_dependency dependency __attribute__((unused)) = {       \
        .name = #dependency,                                                  \
        .type_name = #Type,                                                   \
        .input = &bide_model_##In,                                            \
        .provide = (int (*)(bide_web_request *, const void *, void **))(      \
            function),                                                        \
        __VA_ARGS__}

/*
 * bide_web_depend — have a dependency provide its value, for handlers without
 * an input.
 *
 * Returns:  0 or a negative code.
 *   ret_value   set to what it has provided, in this call or before
 * Suspends: always to be taken for a cancellation point: as provide does.
 * Cancel:   as provide does.
 * Errors:   those of provide; BIDE_E_WEB_ERROR, with 422 as the reply, if its
 *           input is not valid; -ENOMEM
 * Thread:   the loop's, in the request's task.
 * Like:     Depends.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_web_depend(bide_web_request *request, const bide_dependency *dependency,
                void **ret_value);

/*
 * bide_web_override — have another dependency provide instead of one.
 *
 *   app           may be running
 *   dependency    that endpoints name
 *   replacement   of the same type; NULL: itself again
 * Suspends: never.
 * Errors:   -EINVAL for another type, -ENOMEM: at the next request, which
 *           fails
 * Thread:   the loop's.
 * Like:     app.dependency_overrides.
 */
BIDE_API void bide_web_override(bide_web_app *app,
                                const bide_dependency *dependency,
                                const bide_dependency *replacement);

BIDE_END

#endif
