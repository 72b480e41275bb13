/* SPDX-License-Identifier: MIT */
/*
 * openapi.c — the OpenAPI document of an application, from its routes and the
 * models of its endpoints.
 *
 * It is written once, when somebody asks for it. Routes of one path stand
 * together; models stand once under "components" and are referred to. What a
 * dependency reads from the request is a parameter of the endpoint.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "web/web.h"

#define MODELS_MAX 1024
#define ID_MAX 256

/* What a 422 has, in FastAPI's words. */
BIDE_MODEL(ValidationError,
    BIDE_FIELD(list(json), loc),
    BIDE_FIELD(str, msg),
    BIDE_FIELD(str, type),
    BIDE_FIELD(optional(json), input),
    BIDE_FIELD(optional(json), ctx));

BIDE_MODEL(HTTPValidationError, BIDE_FIELD(list(ValidationError), detail));

/* The models of all endpoints, for "components". */
struct models {
    const bide_model *all[MODELS_MAX];
    size_t count;
};

static void key_string(bide_json_writer *writer, const char *key,
                       const char *text)
{
    bide_json_key(writer, key);
    bide_json_string(writer, text);
}

static void key_object(bide_json_writer *writer, const char *key)
{
    bide_json_key(writer, key);
    bide_json_begin_object(writer);
}

/* ── Names ────────────────────────────────────────────────────────────── */

/* "create_item" to "Create Item". */
static void write_summary(bide_json_writer *writer,
                          const struct bide__web_route *route)
{
    char text[ID_MAX];
    size_t used = 0;
    bool begins = true;
    const char *from = route->name ? route->name : route->path;
    if (route->options.summary)
        from = NULL;
    for (; from && *from && used + 1 < sizeof text; from++) {
        char c = *from == '_' ? ' ' : *from;
        text[used++] = begins ? (char)toupper((unsigned char)c) : c;
        begins = c == ' ';
    }
    text[used] = '\0';
    key_string(writer, "summary",
               route->options.summary ? route->options.summary : text);
}

/* FastAPI's: "create_item_shops__shop__items_post", of which there is one. */
static void write_id(bide_json_writer *writer,
                     const struct bide__web_route *route)
{
    char text[ID_MAX];
    const char *id = route->options.operation_id;
    int used = snprintf(text, sizeof text, "%s%s_%s",
                        route->name ? route->name : "route", route->path,
                        route->method);
    for (int i = 0; i < used && text[i]; i++)
        text[i] = isalnum((unsigned char)text[i])
                      ? (char)tolower((unsigned char)text[i])
                      : '_';
    key_string(writer, "operationId", id ? id : text);
}

static void write_tags(bide_json_writer *writer, const char *tags)
{
    if (!tags)
        return;
    bide_json_key(writer, "tags");
    bide_json_begin_array(writer);
    while (*tags) {
        size_t len = strcspn(tags, ",");
        if (len > 0)
            bide_json_string_len(writer, tags, len);
        tags += len;
        tags += strspn(tags, ", ");
    }
    bide_json_end_array(writer);
}

/* ── Parameters ───────────────────────────────────────────────────────── */

static const char *place_name(bide_in in)
{
    switch (in) {
    case BIDE_IN_PATH:
        return "path";
    case BIDE_IN_QUERY:
        return "query";
    case BIDE_IN_HEADER:
        return "header";
    case BIDE_IN_COOKIE:
        return "cookie";
    default:
        return NULL;
    }
}

static bool is_required(const bide_field *field)
{
    return field->in == BIDE_IN_PATH ||
           (!field->def && (field->shape == BIDE_SHAPE_PLAIN ||
                            field->shape == BIDE_SHAPE_LIST));
}

static void write_parameter(bide_json_writer *writer, const bide_model *model,
                            size_t index)
{
    const bide_field *field = &model->fields[index];
    bide_json_begin_object(writer);
    key_string(writer, "name", bide_field_name(model, index));
    key_string(writer, "in", place_name(field->in));
    bide_json_key(writer, "required");
    bide_json_boolean(writer, is_required(field));
    if (field->doc)
        key_string(writer, "description", field->doc);
    if (field->deprecated) {
        bide_json_key(writer, "deprecated");
        bide_json_boolean(writer, true);
    }
    bide_json_key(writer, "schema");
    bide_field_schema(writer, model, index);
    bide_json_end_object(writer);
}

/* Inputs whose parameters were written already. */
struct seen {
    const bide_model *all[64];
    size_t count;
};

static bool see(struct seen *seen, const bide_model *model)
{
    for (size_t i = 0; i < seen->count; i++)
        if (seen->all[i] == model)
            return false;
    if (seen->count == sizeof seen->all / sizeof seen->all[0])
        return false;
    seen->all[seen->count++] = model;
    return true;
}

static void write_input(bide_json_writer *writer, bide_web_app *app,
                        const struct bide__web_input *input,
                        struct seen *seen)
{
    const bide_model *model = input->model;
    if (!see(seen, model))
        return;
    for (size_t i = 0; i < model->n_fields; i++)
        if (place_name(model->fields[i].in) && !model->fields[i].hidden)
            write_parameter(writer, model, i);
    for (size_t i = 0; i < input->n_needs; i++) {
        const struct bide__web_input *own =
            bide__web_input(app, input->needs[i].dependency->input);
        if (own)
            write_input(writer, app, own, seen);
    }
}

static bool describes(const struct bide__web_route *route, const char *param)
{
    const bide_model *model =
        route->endpoint.in ? route->endpoint.in->model : NULL;
    for (size_t i = 0; model && i < model->n_fields; i++)
        if (model->fields[i].in == BIDE_IN_PATH &&
            strcmp(bide_field_name(model, i), param) == 0)
            return true;
    return false;
}

/* Those of the path that no model describes. */
static void write_params(bide_json_writer *writer,
                         const struct bide__web_route *route)
{
    static const char string[] = "{\"type\":\"string\"}";
    for (size_t i = 0; i < route->n_params; i++) {
        if (describes(route, route->params[i]))
            continue;
        bide_json_begin_object(writer);
        key_string(writer, "name", route->params[i]);
        key_string(writer, "in", "path");
        bide_json_key(writer, "required");
        bide_json_boolean(writer, true);
        bide_json_key(writer, "schema");
        bide_json_raw(writer, string, sizeof string - 1);
        bide_json_end_object(writer);
    }
}

static void write_parameters(bide_json_writer *writer, bide_web_app *app,
                             const struct bide__web_route *route)
{
    struct seen seen = {.count = 0};
    bide_json_key(writer, "parameters");
    bide_json_begin_array(writer);
    write_params(writer, route);
    if (route->endpoint.in)
        write_input(writer, app, route->endpoint.in, &seen);
    bide_json_end_array(writer);
}

/* ── Bodies and replies ───────────────────────────────────────────────── */

static void write_reference(bide_json_writer *writer, const bide_model *model)
{
    char text[ID_MAX];
    snprintf(text, sizeof text, "#/components/schemas/%s", model->name);
    bide_json_begin_object(writer);
    key_string(writer, "$ref", text);
    bide_json_end_object(writer);
}

static void begin_content(bide_json_writer *writer, const char *type)
{
    key_object(writer, "content");
    key_object(writer, type);
    bide_json_key(writer, "schema");
}

static void end_content(bide_json_writer *writer)
{
    bide_json_end_object(writer);
    bide_json_end_object(writer);
}

static void write_body(bide_json_writer *writer,
                       const struct bide__web_input *input)
{
    bool form = input->places & (1u << BIDE_IN_FORM);
    if (!input->fields)
        return;
    key_object(writer, "requestBody");
    bide_json_key(writer, "required");
    bide_json_boolean(writer, !input->body || is_required(input->body));
    begin_content(writer, form ? "application/x-www-form-urlencoded"
                               : "application/json");
    if (input->body)
        bide_field_schema(writer, input->model,
                          (size_t)(input->body - input->model->fields));
    else
        bide_model_schema(writer, input->embedded);
    end_content(writer);
    bide_json_end_object(writer);
}

static void write_output(bide_json_writer *writer,
                         const struct bide__web_endpoint *endpoint)
{
    if (!endpoint->in || endpoint->out->n_fields == 0)
        return;
    begin_content(writer, "application/json");
    if (endpoint->out_list) {
        bide_json_begin_object(writer);
        key_string(writer, "type", "array");
        bide_json_key(writer, "items");
        write_reference(writer, endpoint->out->fields[0].model);
        bide_json_end_object(writer);
    } else {
        write_reference(writer, endpoint->out);
    }
    end_content(writer);
}

static bool can_be_invalid(const struct bide__web_route *route)
{
    return route->endpoint.in && route->endpoint.in->model->n_fields > 0;
}

static void write_responses(bide_json_writer *writer,
                            const struct bide__web_route *route)
{
    char status[16];
    int normal = route->options.status ? route->options.status : 200;
    snprintf(status, sizeof status, "%d", normal);
    key_object(writer, "responses");
    key_object(writer, status);
    key_string(writer, "description", "Successful Response");
    write_output(writer, &route->endpoint);
    bide_json_end_object(writer);
    if (can_be_invalid(route)) {
        key_object(writer, "422");
        key_string(writer, "description", "Validation Error");
        begin_content(writer, "application/json");
        write_reference(writer, &bide_model_HTTPValidationError);
        end_content(writer);
        bide_json_end_object(writer);
    }
    bide_json_end_object(writer);
}

/* ── Operations ───────────────────────────────────────────────────────── */

static void write_operation(bide_json_writer *writer, bide_web_app *app,
                            const struct bide__web_route *route)
{
    char method[40];
    size_t len = strlen(route->method);
    for (size_t i = 0; i <= len; i++)
        method[i] = (char)tolower((unsigned char)route->method[i]);
    key_object(writer, method);
    write_tags(writer, route->options.tags);
    write_summary(writer, route);
    if (route->options.description)
        key_string(writer, "description", route->options.description);
    write_id(writer, route);
    if (route->options.deprecated) {
        bide_json_key(writer, "deprecated");
        bide_json_boolean(writer, true);
    }
    write_parameters(writer, app, route);
    if (route->endpoint.in)
        write_body(writer, route->endpoint.in);
    write_responses(writer, route);
    bide_json_end_object(writer);
}

/* Methods that OpenAPI knows. */
static bool is_told(const struct bide__web_route *route)
{
    static const char *const known[] = {
        "GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE",
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(route->method, known[i]) == 0)
            return !route->options.hidden;
    return false;
}

static bool is_first(const bide_web_app *app,
                     const struct bide__web_route *route)
{
    const struct bide__web_route *one = app->routes;
    while (one != route &&
           (!is_told(one) || strcmp(one->path, route->path) != 0))
        one = one->next;
    return one == route;
}

/* "/files/{path...}" is "/files/{path}" there. */
static void write_path(bide_json_writer *writer, const char *path)
{
    char text[2048];
    const char *dots = strstr(path, "...}");
    if (dots) {
        snprintf(text, sizeof text, "%.*s}", (int)(dots - path), path);
        path = text;
    }
    key_object(writer, path);
}

static void write_paths(bide_json_writer *writer, bide_web_app *app)
{
    const struct bide__web_route *route = app->routes, *one;
    key_object(writer, "paths");
    for (; route; route = route->next) {
        if (!is_told(route) || !is_first(app, route))
            continue;
        write_path(writer, route->path);
        for (one = route; one; one = one->next)
            if (is_told(one) && strcmp(one->path, route->path) == 0)
                write_operation(writer, app, one);
        bide_json_end_object(writer);
    }
    bide_json_end_object(writer);
}

/* ── The document ─────────────────────────────────────────────────────── */

static void add_model(struct models *models, const bide_model *model)
{
    if (model->n_fields == 0 || models->count == MODELS_MAX)
        return;
    if (model->kind == BIDE_KIND_OPAQUE)
        model = model->fields[0].model;
    for (size_t i = 0; i < models->count; i++)
        if (models->all[i] == model)
            return;
    models->all[models->count++] = model;
}

static void collect(struct models *models, const bide_web_app *app)
{
    const struct bide__web_route *route = app->routes;
    for (; route; route = route->next) {
        if (!route->endpoint.in || !is_told(route))
            continue;
        add_model(models, route->endpoint.in->model);
        add_model(models, route->endpoint.out);
        if (can_be_invalid(route))
            add_model(models, &bide_model_HTTPValidationError);
    }
}

static void write_info(bide_json_writer *writer,
                       const bide_web_options *options)
{
    key_object(writer, "info");
    key_string(writer, "title", options->title);
    key_string(writer, "version", options->version);
    if (options->description)
        key_string(writer, "description", options->description);
    bide_json_end_object(writer);
}

static int write_document(bide_json_writer *writer, bide_web_app *app)
{
    struct models *models = bide_allocate(sizeof *models);
    if (!models)
        return -ENOMEM;
    models->count = 0;
    collect(models, app);
    bide_json_begin_object(writer);
    key_string(writer, "openapi", "3.1.0");
    write_info(writer, &app->options);
    write_paths(writer, app);
    key_object(writer, "components");
    bide_json_key(writer, "schemas");
    bide_models_schemas(writer, models->all, models->count);
    bide_json_end_object(writer);
    bide_json_end_object(writer);
    bide_release(models);
    return bide_json_finish(writer);
}

const char *bide_web_openapi(bide_web_app *app)
{
    bide_json_writer writer = {.text = NULL};
    if (!app || bide__web_prepare(app->root) < 0)
        return NULL;
    app = app->root;
    if (app->openapi)
        return app->openapi;
    if (write_document(&writer, app) == 0)
        app->openapi = bide__web_copy(writer.text, writer.len);
    bide_json_free(&writer);
    return app->openapi;
}
