/* SPDX-License-Identifier: MIT */
/*
 * context.c — task-local values, inherited at creation.
 *
 * A context is a small table that tasks share until one of them changes it:
 *
 *     task A ─┐
 *     task B ─┴► context [user ►, id ►]      refs 2
 *                               └──────► binding 7 ──below──► binding 3
 *     task C ──► context [id ►] ───────────────────────────────┘
 *
 * Creating a task takes a reference; setting copies the table if others use
 * it, else changes it in place. A binding is one value. A set with a token
 * keeps the binding that it replaced below the new one, so that it lives as
 * long as the token can be used, and no token ever owns anything. Without a
 * token, the replaced binding is dropped unless a token leads to it.
 *
 * Invariants: a table that more than one refers to never changes; each
 * variable is in a table at most once. References are counted without
 * atomics: a context stays on its loop's thread. Other threads only read,
 * while the task that lent it is parked.
 */
#include "task/context.h"

#include <bide/context.h>
#include <errno.h>
#include <string.h>

#include "task/task.h"

struct binding {
    size_t refs;
    uint64_t id; /* what a token remembers; never used twice on a thread */
    const bide_context_var *var;
    void *value;
    struct binding *below; /* what a reset uncovers */
    unsigned depth;        /* of those below */
    bool has_token;
};

struct bide__context {
    size_t refs;
    size_t count;
    struct binding *bindings[];
};

static _Thread_local const struct bide__context *lent;
static _Thread_local uint64_t last_id;

void bide__context_lend(const struct bide__context *context)
{
    lent = context;
}

/* ── References ───────────────────────────────────────────────────────── */

static struct binding *ref_binding(struct binding *binding)
{
    if (binding)
        binding->refs++;
    return binding;
}

static void unref_binding(struct binding *binding)
{
    while (binding && --binding->refs == 0) {
        struct binding *below = binding->below;
        if (binding->var->release)
            binding->var->release(binding->value);
        bide__free(binding);
        binding = below;
    }
}

struct bide__context *bide__context_ref(struct bide__context *context)
{
    context->refs++;
    return context;
}

void bide__context_unref(struct bide__context *context)
{
    if (--context->refs > 0)
        return;
    for (size_t i = 0; i < context->count; i++)
        unref_binding(context->bindings[i]);
    bide__free(context);
}

/* ── Tables ───────────────────────────────────────────────────────────── */

/* Where the running task, or the loop's callbacks, have their context. */
static struct bide__context **current_place(bide_loop *loop)
{
    return loop->current ? &loop->current->context : &loop->context;
}

/* The index of a variable, or the count of bindings if it has none. */
static size_t find(const struct bide__context *context,
                   const bide_context_var *var)
{
    size_t i = 0;
    while (i < context->count && context->bindings[i]->var != var)
        i++;
    return i;
}

/* A copy with room for one more. */
static struct bide__context *copy_table(const struct bide__context *from)
{
    size_t count = from ? from->count : 0;
    struct bide__context *copy = bide__malloc(
        sizeof *copy + (count + 1) * sizeof copy->bindings[0]);
    if (!copy)
        return NULL;
    copy->refs = 1;
    copy->count = count;
    for (size_t i = 0; i < count; i++)
        copy->bindings[i] = ref_binding(from->bindings[i]);
    return copy;
}

/*
 * Put `binding` at an index of the current table, or take that entry out when
 * it is NULL. Takes the caller's reference. Release functions run last, when
 * the table is whole again. False: no memory, and nothing was done.
 */
static bool replace(struct bide__context **place, size_t index,
                    struct binding *binding)
{
    struct bide__context *context = *place;
    bool appends = !context || index == context->count;
    struct bide__context *shared = NULL;
    if (appends || context->refs > 1) {
        struct bide__context *copy = copy_table(context);
        if (!copy)
            return false;
        shared = context;
        context = *place = copy;
    }
    struct binding *old = appends ? NULL : context->bindings[index];
    if (binding)
        context->bindings[index] = binding;
    else
        context->bindings[index] = context->bindings[--context->count];
    if (appends)
        context->count++;
    if (shared)
        bide__context_unref(shared);
    unref_binding(old);
    return true;
}

/* ── Public functions ─────────────────────────────────────────────────── */

void *bide_context_get(const bide_context_var *var, void *fallback)
{
    bide_loop *loop = bide__loop;
    const struct bide__context *context = loop ? *current_place(loop) : lent;
    if (!context)
        return fallback;
    size_t index = find(context, var);
    return index < context->count ? context->bindings[index]->value : fallback;
}

/* A binding to put over `old`. */
static int new_binding(const bide_context_var *var, void *value,
                       struct binding *old, bool has_token,
                       struct binding **ret_binding)
{
    struct binding *below =
        old && !has_token && !old->has_token ? old->below : old;
    unsigned depth = below ? below->depth + 1 : 0;
    if (depth >= BIDE_CONTEXT_MAX)
        return bide_raise(-ENOSPC,
                          "context variable '%s' has %d values that tokens "
                          "could bring back, no more are kept",
                          var->name, BIDE_CONTEXT_MAX);
    struct binding *binding = bide__malloc(sizeof *binding);
    if (!binding)
        return bide_raise(-ENOMEM, "no memory for a context value");
    *binding = (struct binding){
        .refs = 1,
        .id = ++last_id,
        .var = var,
        .value = value,
        .below = ref_binding(below),
        .depth = depth,
        .has_token = has_token,
    };
    *ret_binding = binding;
    return 0;
}

/* Free one that never got into a table: the value is still the caller's. */
static void discard(struct binding *binding)
{
    unref_binding(binding->below);
    bide__free(binding);
}

int bide_context_set(const bide_context_var *var, void *value,
                     bide_context_token *ret_token)
{
    bide_loop *loop = bide__enter_loop("bide_context_set");
    struct bide__context **place = current_place(loop);
    size_t count = *place ? (*place)->count : 0;
    size_t index = *place ? find(*place, var) : 0;
    struct binding *old = index < count ? (*place)->bindings[index] : NULL;
    if (!old && count >= BIDE_CONTEXT_MAX)
        return bide_raise(-ENOSPC,
                          "context variable '%s' would be the %dth with a "
                          "value, at most %d",
                          var->name, BIDE_CONTEXT_MAX + 1, BIDE_CONTEXT_MAX);
    struct binding *binding = NULL;
    int rc = new_binding(var, value, old, ret_token != NULL, &binding);
    if (rc < 0)
        return rc;
    uint64_t id = binding->id;
    if (!replace(place, index, binding)) {
        discard(binding);
        return bide_raise(-ENOMEM, "no memory for a context value");
    }
    if (ret_token)
        *ret_token = (bide_context_token){.var = var, .id = id};
    return 0;
}

int bide_context_reset(const bide_context_token *token)
{
    bide_loop *loop = bide__enter_loop("bide_context_reset");
    struct bide__context **place = current_place(loop);
    size_t index = *place ? find(*place, token->var) : 0;
    struct binding *binding = *place && index < (*place)->count
                                  ? (*place)->bindings[index]
                                  : NULL;
    while (binding && binding->id != token->id)
        binding = binding->below;
    if (!binding)
        return bide_raise(-EINVAL,
                          "the token of context variable '%s' was used "
                          "already or belongs to another task",
                          token->var->name);
    struct binding *below = ref_binding(binding->below);
    if (replace(place, index, below))
        return 0;
    unref_binding(below);
    return bide_raise(-ENOMEM, "no memory for a context value");
}

int bide_context_run(bide_coroutine *fn, void *arg)
{
    bide_loop *loop = bide__enter_loop("bide_context_run");
    struct bide__context **place = current_place(loop);
    struct bide__context *before = *place;
    if (before)
        bide__context_ref(before);
    int rc = fn(arg);
    struct bide__context *inner = *place;
    *place = before;
    if (inner)
        bide__context_unref(inner);
    return rc;
}
