/* SPDX-License-Identifier: MIT */
/*
 * plan.c — what is derived from a description, once.
 *
 * Plans are made under a lock, all that a model leads to at a time, and are
 * published when all of them are complete; readers need no lock. Models may
 * lead back to themselves, so there are three steps: make the plans, without
 * what is within; join them; fill in the defaults, which are read by the plans
 * themselves, those of inner models first.
 *
 * A plan is never released: descriptions are static, and so are their plans.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "model/model.h"

#define PLANS_MAX 1000 /* that a model leads to */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* For a value that no field is about. */
static const bide_field no_field = {
    .gt = (double)NAN, .ge = (double)NAN, .lt = (double)NAN, .le = (double)NAN,
};

/* Those in the making: the innermost last. */
struct making {
    struct bide_plan *first;
    size_t count;
    int error;
};

/* ── Names ────────────────────────────────────────────────────────────── */

static size_t hash_of(const char *name, size_t len)
{
    size_t hash = len * 31;
    if (len > 0)
        hash += (unsigned char)name[0] + 7u * (unsigned char)name[len - 1] +
            13u * (unsigned char)name[len / 2];
    return hash;
}

size_t bide__plan_find(const struct bide_plan *plan, const char *name,
                       size_t len)
{
    size_t slot = hash_of(name, len);
    for (;; slot++) {
        unsigned entry = plan->slots[slot % SLOTS];
        if (entry == 0)
            return NOT_A_FIELD;
        const struct bide__part *part = &plan->parts[entry - 1];
        if (part->name_len == len && memcmp(part->name, name, len) == 0)
            return entry - 1;
    }
}

/* A part's name, in the memory of the plan where it is not the field's. */
static const char *name_of(struct bide_plan *plan, const bide_field *field)
{
    if (field->name != NULL)
        return field->name;
    if (field->in != BIDE_IN_HEADER)
        return field->member;
    char *name =
        bide_arena_copy(&plan->arena, field->member, strlen(field->member));
    for (char *p = name; p != NULL && *p != '\0'; p++) {
        if (*p == '_')
            *p = '-';
    }
    return name;
}

/* What makes a key quick to read and to write; false: no memory. */
static bool make_key(struct bide_plan *plan, struct bide__part *part)
{
    part->name_len = strlen(part->name);
    part->match_len = part->readable ? part->name_len + 1 : SIZE_MAX;
    char head[8] = {0};
    size_t len = part->name_len < 8 ? part->name_len : 8;
    memcpy(head, part->name, len);
    if (len < 8)
        head[len++] = '"';
    memcpy(&part->head, head, 8);
    memset(head, 0, sizeof head);
    memset(head, 0xff, len);
    memcpy(&part->head_mask, head, 8);

    bide_json_writer writer = {0};
    bide__write_string(&writer, part->name, part->name_len);
    part->key_len = writer.len + 2;
    char *key = writer.error != 0
        ? NULL : bide_arena_allocate(&plan->arena, part->key_len + KEY_SLACK);
    if (key != NULL) {
        memset(key, 0, part->key_len + KEY_SLACK);
        key[0] = ',';
        memcpy(key + 1, writer.text, writer.len);
        key[part->key_len - 1] = ':';
    }
    bide_json_free(&writer);
    part->key = key;
    return key != NULL;
}

/* ── Limits ───────────────────────────────────────────────────────────── */

static bool is_number(bide_kind kind)
{
    return kind == BIDE_KIND_I32 || kind == BIDE_KIND_I64 ||
        kind == BIDE_KIND_U64 || kind == BIDE_KIND_F64 ||
        kind == BIDE_KIND_TIME;
}

/* The integers that a fast comparison lets through. */
static void make_range(struct bide__part *part)
{
    const bide_field *field = part->field;
    bool small = part->kind == BIDE_KIND_I32;
    double least = small ? INT32_MIN : -9.2e18;
    double most = small ? INT32_MAX : 9.2e18;
    if (field->ge > least)
        least = ceil(field->ge);
    if (field->gt >= least)
        least = floor(field->gt) + 1;
    if (field->le < most)
        most = floor(field->le);
    if (field->lt <= most)
        most = ceil(field->lt) - 1;
    /* What is beyond 2^53 the exact comparison decides. */
    part->least = least < -9e15 ? INT64_MIN : least > 9e15 ? INT64_MAX
                                                           : (int64_t)least;
    part->most = most > 9e15 ? INT64_MAX : most < -9e15 ? INT64_MIN
                                                        : (int64_t)most;
    bool exact = fabs(least) <= 9e15 || (isnan(field->ge) && isnan(field->gt));
    bool exact_most =
        fabs(most) <= 9e15 || (isnan(field->le) && isnan(field->lt));
    part->stepped = field->multiple_of != 0 || !exact || !exact_most;
}

static const char *misfit(const struct bide__part *part)
{
    const bide_field *field = part->field;
    bool number = is_number(part->kind);
    bool sized = part->kind == BIDE_KIND_STR || part->kind == BIDE_KIND_BYTES;
    if (!number && part->limited)
        return "gt, ge, lt, le and multiple_of are for numbers";
    if (!sized && (field->min_len != 0 || field->max_len != 0))
        return "min_len and max_len are for str and bytes";
    if (part->kind != BIDE_KIND_STR && field->pattern != NULL)
        return "pattern is for str";
    if (!bide__is_list(part) &&
        (field->min_items != 0 || field->max_items != 0))
        return "min_items and max_items are for lists";
    if (part->kind == BIDE_KIND_ENUM && part->size != sizeof(unsigned))
        return "its enum is not of the size of an int";
    if (field->multiple_of < 0)
        return "multiple_of is below zero";
    bool texts = field->in != BIDE_IN_DOCUMENT && field->in != BIDE_IN_BODY &&
        field->in != BIDE_IN_DEP;
    if (texts && part->kind == BIDE_KIND_MODEL)
        return "a model can only come from the body";
    return NULL;
}

/* ── Parts ────────────────────────────────────────────────────────────── */

static void make_kind(struct bide__part *part, const bide_field *field,
                      const bide_model *model)
{
    part->field = field;
    part->model = model;
    part->kind = model != NULL ? model->kind : BIDE_KIND_OPAQUE;
    part->size = model != NULL ? model->size : sizeof(void *);
    part->shape = field->shape;
    part->limited = !isnan(field->gt) || !isnan(field->ge) ||
        !isnan(field->lt) || !isnan(field->le) || field->multiple_of != 0;
    part->measured = field->min_len != 0 || field->max_len != 0 ||
        field->pattern != NULL;
    make_range(part);
}

static int make_part(struct bide_plan *plan, size_t index)
{
    struct bide__part *part = &plan->parts[index];
    const bide_field *field = &plan->model->fields[index];
    make_kind(part, field, field->model);
    part->index = index;
    part->offset = field->offset;
    part->has_offset = field->has_offset;
    part->count_offset = field->count_offset;
    part->readable = part->kind != BIDE_KIND_OPAQUE && !field->read_only;
    part->name = name_of(plan, field);
    if (part->name == NULL || !make_key(plan, part))
        return bide_raise(-ENOMEM, "no memory for the plan of a model");
    const char *why = misfit(part);
    if (why != NULL)
        return bide_raise(-EINVAL, "%s.%s: %s", plan->model->name,
                          field->member, why);
    if (part->readable && field->def == NULL && !bide__is_optional(part))
        plan->required |= (uint64_t)1 << index;
    if (field->pattern != NULL) {
        int error = 0;
        part->pattern = bide__pattern_new(field->pattern, &error);
        if (part->pattern == NULL)
            return error;
    }
    return 0;
}

/* Enter the names into the table; each one once, in each place. */
static int make_table(struct bide_plan *plan)
{
    for (size_t i = 0; i < plan->n_parts; i++) {
        const struct bide__part *part = &plan->parts[i];
        for (size_t j = 0; j < i; j++) {
            const struct bide__part *other = &plan->parts[j];
            if (part->field->in == other->field->in &&
                strcmp(part->name, other->name) == 0)
                return bide_raise(-EINVAL, "%s.%s: the name '%s' is also that "
                                  "of %s", plan->model->name,
                                  part->field->member, part->name,
                                  other->field->member);
        }
        if (!part->readable)
            continue;
        size_t slot = hash_of(part->name, part->name_len);
        while (plan->slots[slot % SLOTS] != 0)
            slot++;
        plan->slots[slot % SLOTS] = (uint8_t)(i + 1);
    }
    return 0;
}

/* ── Plans ────────────────────────────────────────────────────────────── */

static void free_plan(struct bide_plan *plan)
{
    for (size_t i = 0; i < plan->n_parts; i++)
        bide__pattern_free(plan->parts[i].pattern);
    bide_arena_free(&plan->arena);
    bide_release(plan);
}

static struct bide_plan *new_plan(const bide_model *model, int *ret_error)
{
    struct bide_plan *plan = bide_allocate(sizeof *plan);
    if (plan == NULL) {
        *ret_error = bide_raise(-ENOMEM, "no memory for the plan of a model");
        return NULL;
    }
    memset(plan, 0, sizeof *plan);
    plan->model = model;
    make_kind(&plan->whole, &no_field, model);
    plan->whole.nested = plan;
    if (model->n_fields > FIELDS_MAX) {
        *ret_error = bide_raise(-EINVAL, "%s has %zu fields, at most %d",
                                model->name, model->n_fields, FIELDS_MAX);
        free_plan(plan);
        return NULL;
    }
    size_t size = (model->n_fields + 1) * sizeof *plan->parts;
    plan->parts = bide_arena_allocate(&plan->arena, size);
    plan->prototype = bide_arena_allocate(&plan->arena, model->size);
    if (plan->parts == NULL || plan->prototype == NULL) {
        *ret_error = bide_raise(-ENOMEM, "no memory for the plan of a model");
        free_plan(plan);
        return NULL;
    }
    memset(plan->parts, 0, size);
    memset(plan->prototype, 0, model->size);
    plan->n_parts = model->n_fields;
    int rc = 0;
    for (size_t i = 0; i < plan->n_parts && rc == 0; i++)
        rc = make_part(plan, i);
    if (rc == 0)
        rc = make_table(plan);
    if (rc < 0) {
        free_plan(plan);
        *ret_error = rc;
        return NULL;
    }
    return plan;
}

/* Where a model's plan is kept; that of a scalar is here. */
static struct bide_plan **place_of(const bide_model *model)
{
    static struct bide_plan *scalars[BIDE_KIND_OPAQUE + 1];
    return model->plan != NULL ? model->plan : &scalars[model->kind];
}

static struct bide_plan *published(const bide_model *model)
{
    return __atomic_load_n(place_of(model), __ATOMIC_ACQUIRE);
}

/* The plan of a model, published or in the making. */
static struct bide_plan *find(const struct making *making,
                              const bide_model *model)
{
    struct bide_plan *plan = published(model);
    if (plan != NULL)
        return plan;
    for (plan = making->first; plan != NULL; plan = plan->next) {
        if (plan->model == model)
            return plan;
    }
    return NULL;
}

/* Make the plans of a model and of all that it leads to. The list of those
 * made grows at its end while it is walked, so nothing recurses. */
static void make_all(struct making *making, const bide_model *model)
{
    struct bide_plan **end = &making->first;
    *end = new_plan(model, &making->error);
    for (struct bide_plan *plan = *end; plan != NULL; plan = plan->next) {
        end = &plan->next;
        while (*end != NULL)
            end = &(*end)->next;
        for (size_t i = 0; i < plan->n_parts; i++) {
            const bide_model *inner = plan->parts[i].model;
            if (inner == NULL || inner->kind != BIDE_KIND_MODEL ||
                find(making, inner) != NULL)
                continue;
            if (making->count++ == PLANS_MAX) {
                making->error = bide_raise(-EINVAL, "%s leads to more than %d "
                                           "models", model->name, PLANS_MAX);
                return;
            }
            *end = new_plan(inner, &making->error);
            if (*end == NULL)
                return;
            end = &(*end)->next;
        }
    }
}

static void join(struct making *making)
{
    for (struct bide_plan *plan = making->first; plan != NULL;
         plan = plan->next) {
        for (size_t i = 0; i < plan->n_parts; i++) {
            struct bide__part *part = &plan->parts[i];
            if (part->kind == BIDE_KIND_MODEL)
                part->nested = find(making, part->model);
        }
    }
}

/* ── Defaults ─────────────────────────────────────────────────────────── */

static int make_default(struct bide_plan *plan, const struct bide__part *part)
{
    const char *text = part->field->def;
    struct bide__context context;
    bide__context_begin(&context, &plan->arena, NULL);
    if (part->has_offset != 0)
        *(bool *)bide__at(plan->prototype, part->has_offset) = true;
    if (bide__is_list(part) || part->kind == BIDE_KIND_MODEL) {
        bide__decode_text(&context, part, text, strlen(text),
                          plan->prototype);
    } else {
        struct bide__input input = {.type = INPUT_TEXT, .raw = text,
                                    .raw_len = strlen(text), .text = text,
                                    .len = strlen(text)};
        bide__convert(&context, part, &input,
                      bide__at(plan->prototype, part->offset));
    }
    int rc = bide__context_end(&context);
    if (rc != -EINVAL)
        return rc;
    char why[BIDE_ERRMSG_MAX];
    snprintf(why, sizeof why, "%s", bide_errmsg(rc));
    return bide_raise(rc, "%s.%s: the default '%s': %s", plan->model->name,
                      part->field->member, text, why);
}

/* Inner models come later in the list, and are needed first. */
static int make_defaults(struct bide_plan *plan)
{
    if (plan == NULL)
        return 0;
    struct bide_plan *reversed = NULL;
    int rc = 0;
    while (plan != NULL) {
        struct bide_plan *next = plan->next;
        plan->next = reversed;
        reversed = plan;
        plan = next;
    }
    while (reversed != NULL) {
        struct bide_plan *next = reversed->next;
        for (size_t i = 0; i < reversed->n_parts && rc == 0; i++) {
            if (reversed->parts[i].field->def != NULL)
                rc = make_default(reversed, &reversed->parts[i]);
        }
        reversed->next = plan; /* and back again */
        plan = reversed;
        reversed = next;
    }
    return rc;
}

/* Under the lock. */
static int make_and_publish(const bide_model *model)
{
    if (published(model) != NULL)
        return 0;
    struct making making = {0};
    make_all(&making, model);
    if (making.error == 0) {
        join(&making);
        making.error = make_defaults(making.first);
    }
    while (making.first != NULL) {
        struct bide_plan *plan = making.first;
        making.first = plan->next;
        plan->next = NULL;
        if (making.error != 0)
            free_plan(plan);
        else
            __atomic_store_n(place_of(plan->model), plan,
                             __ATOMIC_RELEASE);
    }
    return making.error;
}

struct bide_plan *bide__plan_of(const bide_model *model, int *ret_error)
{
    struct bide_plan *plan = published(model);
    if (plan != NULL)
        return plan;
    pthread_mutex_lock(&lock);
    *ret_error = make_and_publish(model);
    pthread_mutex_unlock(&lock);
    return published(model);
}

/* ── What users call ──────────────────────────────────────────────────── */

int bide_model_prepare(const bide_model *model)
{
    int rc = 0;
    (void)bide__plan_of(model, &rc);
    return rc;
}

const char *bide_field_name(const bide_model *model, size_t index)
{
    int rc = 0;
    const struct bide_plan *plan = bide__plan_of(model, &rc);
    return plan != NULL && index < plan->n_parts ? plan->parts[index].name
                                                 : NULL;
}

int bide_model_init(const bide_model *model, void *ret_object)
{
    int rc = 0;
    const struct bide_plan *plan = bide__plan_of(model, &rc);
    if (plan != NULL)
        memcpy(ret_object, plan->prototype, model->size);
    return rc;
}
