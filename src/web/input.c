/* SPDX-License-Identifier: MIT */
/*
 * input.c — the input of a handler, from all places of a request.
 *
 * An endpoint's input, and those of the dependencies it names, are read before
 * anything else is done, and every fault of all of them is told in one reply.
 *
 * A body with one field is that field's document; with several, or with one
 * that is embedded, it is an object with the fields as its keys: they are
 * copied to a model of their own, which is decoded to the side.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

#include "web/web.h"

#define BIT(place) (1u << (place))
#define TEXTS                                                                 \
    (BIT(BIDE_IN_PATH) | BIT(BIDE_IN_QUERY) | BIT(BIDE_IN_HEADER) |           \
     BIT(BIDE_IN_COOKIE) | BIT(BIDE_IN_FORM))

/* ── Deriving ─────────────────────────────────────────────────────────── */

static size_t count_in(const bide_model *model, bide_in in)
{
    size_t count = 0;
    for (size_t i = 0; i < model->n_fields; i++)
        count += model->fields[i].in == in;
    return count;
}

/* The fields of a body or a form as a model of their own. The library keeps
 * what it derives from models until the program ends, so we keep these. */
struct body {
    struct body *next;
    const bide_model *whole; /* that they are fields of */
    bide_model model;
    struct bide_plan *plan;
    bide_field fields[];
};

static pthread_mutex_t bodies_lock = PTHREAD_MUTEX_INITIALIZER;
static struct body *bodies;

static struct body *make_body(const bide_model *whole, bide_in in)
{
    size_t count = count_in(whole, in);
    struct body *body =
        bide_allocate(sizeof *body + count * sizeof body->fields[0]);
    if (!body)
        return NULL;
    memset(body, 0, sizeof *body);
    body->whole = whole;
    body->model = (bide_model){
        .name = whole->name,
        .kind = BIDE_KIND_MODEL,
        .size = whole->size,
        .fields = body->fields,
        .n_fields = count,
        .plan = &body->plan,
    };
    count = 0;
    for (size_t i = 0; i < whole->n_fields; i++) {
        if (whole->fields[i].in != in)
            continue;
        body->fields[count] = whole->fields[i];
        body->fields[count++].in = BIDE_IN_DOCUMENT;
    }
    return body;
}

static const struct body *body_of(const bide_model *whole, bide_in in)
{
    pthread_mutex_lock(&bodies_lock);
    struct body *body = bodies;
    while (body && body->whole != whole)
        body = body->next;
    if (!body) {
        body = make_body(whole, in);
        if (body) {
            body->next = bodies;
            bodies = body;
        }
    }
    pthread_mutex_unlock(&bodies_lock);
    return body;
}

/* A form is read as texts; its model is for the documentation. */
static int derive_body(struct bide__web_input *input)
{
    const bide_model *model = input->model;
    bool form = input->places & BIT(BIDE_IN_FORM);
    bide_in in = form ? BIDE_IN_FORM : BIDE_IN_BODY;
    if (!(input->places & BIT(in)))
        return 0;
    const struct body *body = body_of(model, in);
    if (!body)
        return -ENOMEM;
    input->fields = body->fields;
    input->embedded = &body->model;
    for (size_t i = 0; i < model->n_fields; i++)
        if (model->fields[i].in == in)
            input->body = &model->fields[i];
    if (body->model.n_fields == 1 && !form && !input->body->embed)
        return 0;
    input->body = NULL;
    return bide_model_prepare(input->embedded);
}

static int derive_needs(bide_web_app *app, struct bide__web_input *input)
{
    const bide_model *model = input->model;
    size_t count = count_in(model, BIDE_IN_DEP);
    if (count == 0)
        return 0;
    input->needs = bide_allocate(count * sizeof *input->needs);
    if (!input->needs)
        return -ENOMEM;
    for (size_t i = 0; i < model->n_fields; i++) {
        const bide_field *field = &model->fields[i];
        const bide_dependency *provider = field->provider;
        if (field->in != BIDE_IN_DEP)
            continue;
        if (strcmp(provider->type_name, field->type_name) != 0)
            return bide_raise(-EINVAL, "%s.%s is %s *, but %s provides %s *",
                              model->name, field->member, field->type_name,
                              provider->name, provider->type_name);
        const struct bide__web_input *own =
            bide__web_input(app, provider->input);
        if (!own)
            return bide_raise(app->root->fault, "%s", app->root->fault_text);
        if (own->places & (BIT(BIDE_IN_BODY) | BIT(BIDE_IN_FORM)))
            return bide_raise(-EINVAL, "the dependency %s has a body as its "
                                       "input; only endpoints can",
                              provider->name);
        input->needs[input->n_needs++] =
            (struct bide__web_need){field->offset, provider};
    }
    return 0;
}

static int derive(bide_web_app *app, struct bide__web_input *input)
{
    const bide_model *model = input->model;
    int rc = model->n_fields > 0 ? bide_model_prepare(model) : 0;
    for (size_t i = 0; i < model->n_fields; i++) {
        if (model->fields[i].in == BIDE_IN_DOCUMENT)
            return bide_raise(-EINVAL, "%s.%s is a BIDE_FIELD; the input of "
                                       "an endpoint says where its fields "
                                       "come from",
                              model->name, model->fields[i].member);
        input->places |= BIT(model->fields[i].in);
    }
    if ((input->places & BIT(BIDE_IN_BODY)) &&
        (input->places & BIT(BIDE_IN_FORM)))
        return bide_raise(-EINVAL, "%s has a body and a form, of which a "
                                   "request can have one", model->name);
    if (rc == 0)
        rc = derive_body(input);
    return rc == 0 ? derive_needs(app, input) : rc;
}

static void free_input(struct bide__web_input *input)
{
    bide_release(input->needs);
    bide_release(input);
}

const struct bide__web_input *bide__web_input(bide_web_app *app,
                                              const bide_model *model)
{
    bide_web_app *root = app->root;
    struct bide__web_input *input = root->inputs;
    while (input && input->model != model)
        input = input->next;
    if (input)
        return input;
    input = bide_allocate(sizeof *input);
    int rc = -ENOMEM;
    if (input) {
        memset(input, 0, sizeof *input);
        input->model = model;
        rc = derive(app, input);
    }
    if (rc < 0) {
        bide__web_fault(app, rc, "%s", bide_errmsg(rc));
        if (input)
            free_input(input);
        return NULL;
    }
    input->next = root->inputs;
    root->inputs = input;
    return input;
}

void bide__web_inputs_free(bide_web_app *app)
{
    while (app->inputs) {
        struct bide__web_input *input = app->inputs;
        app->inputs = input->next;
        free_input(input);
    }
}

/* ── Texts ────────────────────────────────────────────────────────────── */

static const char *nth_header(const bide_http_request *http, const char *name,
                              size_t nth)
{
    const char *field, *value, *last = NULL;
    for (size_t i = 0; bide_http_request_field(http, i, &field, &value); i++) {
        if (strcasecmp(field, name) != 0)
            continue;
        last = value;
        if (nth != BIDE_NTH_LAST && nth-- == 0)
            return value;
    }
    return nth == BIDE_NTH_LAST ? last : NULL;
}

static const struct bide__web_pair *
nth_pair(const struct bide__web_pairs *pairs, const char *name, size_t nth)
{
    if (nth != BIDE_NTH_LAST)
        return bide__web_pair(pairs, name, nth);
    for (size_t i = pairs->count; i > 0; i--)
        if (strcmp(pairs->all[i - 1].name, name) == 0)
            return &pairs->all[i - 1];
    return NULL;
}

static bool look_up(void *arg, bide_in in, const char *name, size_t nth,
                    bide_bytes *ret)
{
    bide_web_request *request = arg;
    const struct bide__web_pair *pair = NULL;
    const char *text = NULL;
    if (in == BIDE_IN_PATH)
        text = nth == 0 || nth == BIDE_NTH_LAST
                   ? bide_web_request_param(request, name)
                   : NULL;
    else if (in == BIDE_IN_HEADER)
        text = nth_header(request->http, name, nth);
    else if (in == BIDE_IN_QUERY)
        pair = nth_pair(&request->query, name, nth);
    else if (in == BIDE_IN_COOKIE)
        pair = nth_pair(&request->cookies, name, nth);
    else
        pair = nth_pair(&request->form, name, nth);
    if (pair)
        *ret = (bide_bytes){pair->value, pair->len};
    else if (text)
        *ret = (bide_bytes){text, strlen(text)};
    return pair || text;
}

/* What the texts of a place lie in. */
static int fetch(bide_web_request *request, unsigned places)
{
    int rc = 0;
    if (places & BIT(BIDE_IN_QUERY))
        rc = bide__web_query(request);
    if (rc == 0 && (places & BIT(BIDE_IN_COOKIE)))
        rc = bide__web_cookies(request);
    if (rc == 0 && (places & BIT(BIDE_IN_FORM)))
        rc = bide_web_form(request, NULL);
    if (rc == -E2BIG || rc == -EINVAL)
        return bide_web_error(request, 400, "%s", bide_errmsg(rc));
    return rc;
}

static int read_texts(bide_web_request *request,
                      const struct bide__web_input *input, void *object,
                      bide_faults *faults)
{
    int rc = fetch(request, input->places);
    for (bide_in in = BIDE_IN_PATH; rc == 0 && in <= BIDE_IN_FORM; in++) {
        if (!(input->places & BIT(in)))
            continue;
        rc = bide_model_from_texts(input->model, in, look_up, request, object,
                                   &request->arena, faults);
        if (rc == -EINVAL && faults->count > 0)
            rc = 0;
    }
    return rc;
}

/* ── Bodies ───────────────────────────────────────────────────────────── */

/* "application/json", "application/problem+json; charset=utf-8"; none is
 * taken for JSON. */
static bool is_json(const char *type)
{
    if (!type)
        return true;
    size_t len = strcspn(type, ";");
    while (len > 0 && (type[len - 1] == ' ' || type[len - 1] == '\t'))
        len--;
    return (len == 16 && strncasecmp(type, "application/json", 16) == 0) ||
           (len > 17 && strncasecmp(type, "application/", 12) == 0 &&
            strncasecmp(type + len - 5, "+json", 5) == 0);
}

static int fault_missing(bide_web_request *request, bide_faults *faults)
{
    static const bide_place loc[] = {{.name = "body"}};
    const bide_fault fault = {
        .type = "missing",
        .msg = "Field required",
        .input = "null",
        .loc = loc,
        .n_loc = 1,
    };
    return bide_faults_add(faults, &request->arena, &fault);
}

static int decode_one(bide_web_request *request, const bide_field *field,
                      const char *text, size_t len, char *object,
                      bide_faults *faults)
{
    if (field->shape == BIDE_SHAPE_LIST ||
        field->shape == BIDE_SHAPE_OPTIONAL_LIST) {
        size_t count = 0;
        int rc = bide_json_decode_list(field->model, text, len,
                                       object + field->offset, &count,
                                       &request->arena, faults);
        memcpy(object + field->count_offset, &count, sizeof count);
        return rc;
    }
    return bide_json_decode(field->model, text, len, object + field->offset,
                            &request->arena, faults);
}

static void set_flag(const bide_field *field, char *object)
{
    if (field->has_offset > 0)
        *(bool *)(void *)(object + field->has_offset) = true;
}

/* A member of an embedded body, from where it was decoded. */
static void move_field(const bide_field *field, char *object, const char *from)
{
    bool list = field->shape == BIDE_SHAPE_LIST ||
                field->shape == BIDE_SHAPE_OPTIONAL_LIST;
    size_t size = list ? sizeof(void *) : field->model->size;
    memcpy(object + field->offset, from + field->offset, size);
    if (list)
        memcpy(object + field->count_offset, from + field->count_offset,
               sizeof(size_t));
    if (field->has_offset > 0)
        memcpy(object + field->has_offset, from + field->has_offset,
               sizeof(bool));
}

static int decode_embedded(bide_web_request *request,
                           const struct bide__web_input *input,
                           const char *text, size_t len, char *object,
                           bide_faults *faults)
{
    char *aside = bide_arena_allocate(&request->arena, input->embedded->size);
    if (!aside)
        return -ENOMEM;
    int rc = bide_json_decode(input->embedded, text, len, aside,
                              &request->arena, faults);
    for (size_t i = 0; rc == 0 && i < input->embedded->n_fields; i++)
        move_field(&input->fields[i], object, aside);
    return rc;
}

static bool may_lack(const bide_field *field)
{
    return field && (field->shape == BIDE_SHAPE_OPTIONAL ||
                     field->shape == BIDE_SHAPE_OPTIONAL_LIST || field->def);
}

static int read_body(bide_web_request *request,
                     const struct bide__web_input *input, char *object,
                     bide_faults *faults)
{
    static const bide_place within[] = {{.name = "body"}};
    const char *text;
    ssize_t len = bide_web_request_body(request, &text);
    if (len < 0)
        return (int)len;
    if (len == 0)
        return may_lack(input->body) ? 0 : fault_missing(request, faults);
    const char *type = bide_web_request_header(request, "Content-Type");
    if (!is_json(type))
        return bide_web_error(request, 415, "the body must be "
                                            "application/json, not %.100s",
                              type);
    faults->within = within;
    faults->n_within = 1;
    int rc = input->body ? decode_one(request, input->body, text, (size_t)len,
                                      object, faults)
                         : decode_embedded(request, input, text, (size_t)len,
                                           object, faults);
    if (rc == 0 && input->body)
        set_flag(input->body, object);
    faults->n_within = 0;
    return rc == -EINVAL && faults->count > 0 ? 0 : rc;
}

/* ── All of it ────────────────────────────────────────────────────────── */

static int read_needs(bide_web_request *request,
                      const struct bide__web_input *input,
                      bide_faults *faults);

static int read_object(bide_web_request *request,
                       const struct bide__web_input *input,
                       bide_faults *faults)
{
    struct bide__web_object *one =
        bide_arena_allocate(&request->arena, sizeof *one);
    char *object = bide_arena_allocate(&request->arena, input->model->size);
    if (!one || !object)
        return -ENOMEM;
    *one = (struct bide__web_object){request->objects, input->model, object};
    request->objects = one;
    if (input->model->n_fields == 0)
        return 0;
    int rc = bide_model_init(input->model, object);
    if (rc == 0 && (input->places & TEXTS))
        rc = read_texts(request, input, object, faults);
    if (rc == 0 && (input->places & BIT(BIDE_IN_BODY)))
        rc = read_body(request, input, object, faults);
    return rc == 0 ? read_needs(request, input, faults) : rc;
}

static bool was_read(const bide_web_request *request, const bide_model *model)
{
    const struct bide__web_object *one = request->objects;
    while (one && one->model != model)
        one = one->next;
    return one != NULL;
}

static int read_needs(bide_web_request *request,
                      const struct bide__web_input *input,
                      bide_faults *faults)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < input->n_needs; i++) {
        const bide_dependency *dependency =
            bide__web_overridden(request->app, input->needs[i].dependency);
        const struct bide__web_input *own =
            bide__web_input(request->app, dependency->input);
        if (!own)
            return bide_raise(request->app->fault, "%s",
                              request->app->fault_text);
        if (!was_read(request, own->model))
            rc = read_object(request, own, faults);
    }
    return rc;
}

/* {"detail": [...]} */
static int reply_faults(bide_web_request *request, const bide_faults *faults)
{
    bide_json_writer writer = {.text = NULL};
    bide_json_begin_object(&writer);
    bide_json_key(&writer, "detail");
    bide_faults_write(&writer, faults);
    bide_json_end_object(&writer);
    int rc = bide_json_finish(&writer);
    if (rc == 0)
        rc = bide_web_reply_json(request, 422, writer.text);
    bide_json_free(&writer);
    return rc < 0 ? rc
                  : bide_raise(BIDE_E_WEB_ERROR, "422: %zu faults",
                               faults->count);
}

int bide__web_read_input(bide_web_request *request,
                         const struct bide__web_input *input,
                         void **ret_object)
{
    bide_faults faults = {.first = NULL};
    if (!was_read(request, input->model)) {
        int rc = read_object(request, input, &faults);
        if (rc < 0)
            return rc;
        if (faults.count > 0)
            return reply_faults(request, &faults);
    }
    const struct bide__web_object *one = request->objects;
    while (one->model != input->model)
        one = one->next;
    *ret_object = one->object;
    return 0;
}
