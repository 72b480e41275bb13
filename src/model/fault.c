/* SPDX-License-Identifier: MIT */
/*
 * fault.c — what was wrong with an input: noting, sorting, telling.
 *
 * A fault is noted where it is found, in the order of the document, and told
 * in the order of the fields, as pydantic does: each step of its place has the
 * index of its field, and the list is kept sorted by these.
 *
 * Everything is bounded. Of an input, at most INPUT_MAX bytes are repeated: one
 * with a hundred missing fields would else be answered by a hundred copies of
 * itself.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/model.h"

#define FAULTS_MAX 100
#define MSG_MAX 1000

void bide__context_begin(struct bide__context *context, bide_arena *arena,
                         bide_faults *faults)
{
    memset(context, 0, sizeof *context);
    context->arena = arena;
    context->own.max = 1;
    context->faults = faults != NULL ? faults : &context->own;
    for (bide_fault *at = context->faults->first; at != NULL; at = at->next)
        context->base = at;
}

/* The link that leads to the faults of this context. */
static bide_fault **begin_of(struct bide__context *context)
{
    return context->base != NULL ? &context->base->next
                                 : &context->faults->first;
}

/* ── Places ───────────────────────────────────────────────────────────── */

static size_t depth_of(const struct bide__step *step)
{
    size_t depth = 0;
    for (; step != NULL; step = step->above)
        depth++;
    return depth;
}

/* The place of the present step; false: no memory. */
static bool make_place(struct bide__context *context, bide_fault *fault)
{
    const bide_faults *faults = context->faults;
    size_t depth = depth_of(context->step);
    fault->n_loc = faults->n_within + depth;
    bide_place *loc = bide_arena_allocate(context->arena,
                                          (fault->n_loc + 1) * sizeof *loc);
    if (loc == NULL)
        return false;
    if (faults->n_within > 0)
        memcpy(loc, faults->within, faults->n_within * sizeof *loc);
    size_t at = fault->n_loc;
    for (const struct bide__step *step = context->step; step != NULL;
         step = step->above) {
        at--;
        loc[at].index = step->index;
        loc[at].name = NULL;
        if (step->name != NULL) {
            loc[at].name =
                bide_arena_copy(context->arena, step->name, step->name_len);
            if (loc[at].name == NULL)
                return false;
        }
    }
    fault->loc = loc;
    return true;
}

static bool goes_before(const bide_fault *one, const bide_fault *other)
{
    for (size_t i = 0; i < one->n_loc && i < other->n_loc; i++) {
        if (one->loc[i].index != other->loc[i].index)
            return one->loc[i].index < other->loc[i].index;
    }
    return one->n_loc < other->n_loc;
}

/* ── Noting ───────────────────────────────────────────────────────────── */

/* The input without spaces, if it is short. */
static const char *copy_input(bide_arena *arena,
                              const struct bide__input *input)
{
    if (input == NULL)
        return "null";
    if (input->raw_len > 4 * INPUT_MAX)
        return NULL;
    if (input->type == INPUT_TEXT) {
        bide_json_writer writer = {.max = INPUT_MAX};
        bide_json_string_len(&writer, input->text, input->len);
        const char *copy = writer.error != 0 || writer.len > INPUT_MAX
            ? NULL : bide_arena_copy(arena, writer.text, writer.len);
        bide_json_free(&writer);
        return copy;
    }
    char *copy = bide_arena_allocate(arena, input->raw_len + 1);
    if (copy == NULL)
        return NULL;
    size_t len = 0;
    bool quoted = false;
    for (size_t i = 0; i < input->raw_len; i++) {
        char byte = input->raw[i];
        if (!quoted && (byte == ' ' || byte == '\n' || byte == '\t' ||
                        byte == '\r'))
            continue;
        copy[len++] = byte;
        if (quoted && byte == '\\' && i + 1 < input->raw_len)
            copy[len++] = input->raw[++i];
        else if (byte == '"')
            quoted = !quoted;
    }
    copy[len] = '\0';
    return len <= INPUT_MAX ? copy : NULL;
}

void bide__fault(struct bide__context *context,
                 const struct bide__input *input, const char *type,
                 const char *ctx, const char *format, ...)
{
    bide_faults *faults = context->faults;
    context->invalid = true;
    if (faults->count >= (faults->max != 0 ? faults->max : FAULTS_MAX))
        return;
    char msg[MSG_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(msg, sizeof msg, format, arguments);
    va_end(arguments);
    bide_fault *fault = bide_arena_allocate(context->arena, sizeof *fault);
    if (fault == NULL || !make_place(context, fault)) {
        context->error = -ENOMEM;
        return;
    }
    fault->type = type;
    fault->msg = bide_arena_copy(context->arena, msg, strlen(msg));
    fault->ctx = ctx == NULL
        ? NULL : bide_arena_copy(context->arena, ctx, strlen(ctx));
    if (fault->msg == NULL || (ctx != NULL && fault->ctx == NULL)) {
        context->error = -ENOMEM;
        return;
    }
    fault->input = copy_input(context->arena, input);
    bide_fault **link = begin_of(context);
    while (*link != NULL && !goes_before(fault, *link))
        link = &(*link)->next;
    fault->next = *link;
    *link = fault;
    faults->count++;
}

static bool is_below(const bide_fault *fault, const bide_fault *place)
{
    if (fault->n_loc < place->n_loc)
        return false;
    for (size_t i = 0; i < place->n_loc; i++) {
        if (fault->loc[i].index != place->loc[i].index)
            return false;
    }
    return true;
}

void bide__faults_forget(struct bide__context *context)
{
    bide_fault place;
    if (!make_place(context, &place)) {
        context->error = -ENOMEM;
        return;
    }
    bide_fault **link = begin_of(context);
    while (*link != NULL) {
        if (is_below(*link, &place)) {
            *link = (*link)->next;
            context->faults->count--;
        } else {
            link = &(*link)->next;
        }
    }
}

void bide__faults_forget_all(struct bide__context *context)
{
    bide_fault **link = begin_of(context);
    while (*link != NULL) {
        *link = (*link)->next;
        context->faults->count--;
    }
}

/* ── Telling ──────────────────────────────────────────────────────────── */

int bide__context_end(struct bide__context *context)
{
    if (context->error == -ENOMEM)
        return bide_raise(-ENOMEM, "no memory for what was read, or more than "
                          "the arena may hold");
    if (!context->invalid)
        return 0;
    const bide_fault *fault = *begin_of(context);
    if (fault == NULL)
        return bide_raise(-EINVAL, "invalid, beyond the faults that are kept");
    char place[BIDE_ERRMSG_MAX] = "";
    size_t len = 0;
    for (size_t i = 0; i < fault->n_loc && len < sizeof place; i++) {
        const char *dot = i > 0 ? "." : "";
        const bide_place *step = &fault->loc[i];
        int written = step->name != NULL
            ? snprintf(place + len, sizeof place - len, "%s%s", dot, step->name)
            : snprintf(place + len, sizeof place - len, "%s%zu", dot,
                       step->index);
        len += (size_t)written;
    }
    return bide_raise(-EINVAL, "%s%s%s%s%s", place,
                      fault->n_loc > 0 ? ": " : "", fault->msg,
                      context->wrong != NULL ? ": " : "",
                      context->wrong != NULL ? context->wrong : "");
}

int bide_faults_add(bide_faults *faults, bide_arena *arena,
                    const bide_fault *fault)
{
    if (faults->count >= (faults->max != 0 ? faults->max : FAULTS_MAX))
        return 0;
    const char *texts[] = {fault->type, fault->msg, fault->input, fault->ctx};
    bide_fault *copy = bide_arena_allocate(arena, sizeof *copy);
    bide_place *loc =
        bide_arena_allocate(arena, (fault->n_loc + 1) * sizeof *loc);
    bool failed = copy == NULL || loc == NULL;
    for (size_t i = 0; i < 4 && !failed; i++) {
        if (texts[i] != NULL) {
            texts[i] = bide_arena_copy(arena, texts[i], strlen(texts[i]));
            failed = texts[i] == NULL;
        }
    }
    for (size_t i = 0; i < fault->n_loc && !failed; i++) {
        loc[i] = fault->loc[i];
        if (loc[i].name != NULL) {
            loc[i].name =
                bide_arena_copy(arena, loc[i].name, strlen(loc[i].name));
            failed = loc[i].name == NULL;
        }
    }
    if (failed)
        return bide_raise(-ENOMEM, "no memory for a fault");
    *copy = (bide_fault){.type = texts[0], .msg = texts[1], .input = texts[2],
                         .ctx = texts[3], .loc = loc, .n_loc = fault->n_loc};
    bide_fault **link = &faults->first;
    while (*link != NULL)
        link = &(*link)->next;
    *link = copy;
    faults->count++;
    return 0;
}

static void write_fault(bide_json_writer *writer, const bide_fault *fault)
{
    bide_json_begin_object(writer);
    bide_json_key(writer, "type");
    bide_json_string(writer, fault->type);
    bide_json_key(writer, "loc");
    bide_json_begin_array(writer);
    for (size_t i = 0; i < fault->n_loc; i++) {
        if (fault->loc[i].name != NULL)
            bide_json_string(writer, fault->loc[i].name);
        else
            bide_json_unsigned(writer, fault->loc[i].index);
    }
    bide_json_end_array(writer);
    bide_json_key(writer, "msg");
    bide_json_string(writer, fault->msg);
    if (fault->input != NULL) {
        bide_json_key(writer, "input");
        bide_json_raw(writer, fault->input, strlen(fault->input));
    }
    if (fault->ctx != NULL) {
        bide_json_key(writer, "ctx");
        bide_json_raw(writer, fault->ctx, strlen(fault->ctx));
    }
    bide_json_end_object(writer);
}

void bide_faults_write(bide_json_writer *writer, const bide_faults *faults)
{
    bide_json_begin_array(writer);
    for (const bide_fault *at = faults->first; at != NULL; at = at->next)
        write_fault(writer, at);
    bide_json_end_array(writer);
}
