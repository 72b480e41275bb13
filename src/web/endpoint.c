/* SPDX-License-Identifier: MIT */
/*
 * endpoint.c — typed handlers: reading their input, writing their output.
 *
 * The output is written before dependencies that finish early do so: it may
 * point to what they have provided. If one of them then fails, the reply is
 * the failure's.
 */
#include <errno.h>
#include <string.h>

#include "web/web.h"

#define OUTPUT_ROOM 1024 /* bytes of a reply that are written in the arena */

/* ── Output ───────────────────────────────────────────────────────────── */

static void write_output(bide_json_writer *writer,
                         const struct bide__web_endpoint *endpoint,
                         const char *out)
{
    const bide_field *items = endpoint->out->fields;
    void *first;
    size_t count;
    if (!endpoint->out_list) {
        bide_json_encode(writer, endpoint->out, out);
        return;
    }
    memcpy(&first, out + items->offset, sizeof first);
    memcpy(&count, out + items->count_offset, sizeof count);
    bide_json_encode_list(writer, items->model, first, count);
}

static int reply_output(bide_web_request *request,
                        const struct bide__web_endpoint *endpoint,
                        const void *out)
{
    bide_json_writer writer;
    char *room = bide_arena_allocate(&request->arena, OUTPUT_ROOM);
    if (!room)
        return -ENOMEM;
    bide_json_begin_on(&writer, room, OUTPUT_ROOM);
    write_output(&writer, endpoint, out);
    int rc = bide_json_finish(&writer);
    const char *text = writer.text;
    size_t len = writer.len;
    if (rc == 0 && text != room)
        text = bide_arena_copy(&request->arena, text, len);
    if (rc == 0)
        rc = text ? bide__web_reply_own(request, 0, "application/json", text,
                                        len)
                  : -ENOMEM;
    bide_json_free(&writer);
    return rc;
}

/* ── Calling ──────────────────────────────────────────────────────────── */

/* The handler may have replied by itself. */
static int reply(bide_web_request *request,
                 const struct bide__web_endpoint *endpoint, const void *out)
{
    if (request->status || request->begun_reply)
        return 0;
    if (endpoint->out->n_fields == 0)
        return bide__web_reply_own(request, 0, NULL, "", 0);
    return reply_output(request, endpoint, out);
}

static int call(bide_web_request *request,
                const struct bide__web_endpoint *endpoint)
{
    void *in = NULL;
    size_t size = endpoint->out->size;
    int rc = bide__web_read_input(request, endpoint->in, &in);
    if (rc == 0)
        rc = bide__web_provide(request, endpoint->in, in);
    if (rc < 0)
        return rc;
    void *out = bide_arena_allocate(&request->arena, size);
    if (!out)
        return -ENOMEM;
    memset(out, 0, size);
    rc = endpoint->handler(request, in, out);
    return rc < 0 ? rc : reply(request, endpoint, out);
}

static int handle(bide_web_request *request)
{
    return call(request, &request->route->endpoint);
}

/* ── Adding ───────────────────────────────────────────────────────────── */

static bool has_param(const struct bide__web_route *route, const char *name)
{
    for (size_t i = 0; i < route->n_params; i++)
        if (strcmp(route->params[i], name) == 0)
            return true;
    return false;
}

/* Each BIDE_PATH stands in the path. */
static void check_path(bide_web_app *app, const struct bide__web_route *route,
                       const bide_model *in)
{
    for (size_t i = 0; i < in->n_fields; i++) {
        if (in->fields[i].in != BIDE_IN_PATH)
            continue;
        const char *name = bide_field_name(in, i);
        if (name && !has_param(route, name))
            bide__web_fault(app, -EINVAL, "%s %.80s: %s.%s is a BIDE_PATH, "
                                          "but {%s} is not in the path",
                            route->method, route->path, in->name,
                            in->fields[i].member, name);
    }
}

static void check_output(bide_web_app *app, const bide_model *out)
{
    if (out->kind == BIDE_KIND_OPAQUE)
        out = out->fields[0].model;
    int rc = out->n_fields > 0 ? bide_model_prepare(out) : 0;
    if (rc < 0)
        bide__web_fault(app, rc, "%s", bide_errmsg(rc));
}

struct bide__web_route *
bide__web_add_typed(bide_web_app *app, const char *method, const char *path,
                    bide_web_handler *function, const char *name,
                    const bide_model *in,
                    const bide_web_route_options *options)
{
    const struct bide__web_input *input = bide__web_input(app, in);
    if (!input)
        return NULL;
    struct bide__web_route *route =
        bide__web_add(app, method, path, function, options);
    if (!route)
        return NULL;
    route->name = name;
    route->endpoint.in = input;
    route->endpoint.out = &bide_model_bide_web_none;
    check_path(app, route, in);
    return route;
}

void bide_web_endpoint(bide_web_app *app, const char *method, const char *path,
                       bide_web_endpoint_handler *handler, const char *name,
                       const bide_model *in, const bide_model *out,
                       const bide_web_route_options *options)
{
    if (!app)
        return;
    struct bide__web_route *route =
        bide__web_add_typed(app, method, path, handle, name, in, options);
    if (!route)
        return;
    route->endpoint.handler = handler;
    route->endpoint.out = out;
    route->endpoint.out_list = out->kind == BIDE_KIND_OPAQUE;
    check_output(app, out);
}
