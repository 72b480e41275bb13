/* SPDX-License-Identifier: MIT */
/*
 * depend.c — dependencies: what provides values to handlers.
 *
 *     provide a ─► provide b ─► handler ─► finish b ─► reply ─► finish a
 *
 * Values stand in a list, the newest first. One that another one needs is
 * provided before it, and so finished after it. Those that finish before the
 * reply do so first, in that order; the others after it.
 */
#include <errno.h>
#include <string.h>

#include "web/web.h"

#define DEPTH_MAX 32 /* dependencies of dependencies */

/* ── Overrides ────────────────────────────────────────────────────────── */

const bide_dependency *bide__web_overridden(const bide_web_app *app,
                                            const bide_dependency *dependency)
{
    const struct bide__web_override *one = app->overrides;
    for (; one; one = one->next)
        if (one->dependency == dependency)
            return one->replacement;
    return dependency;
}

static void add_override(bide_web_app *app, const bide_dependency *dependency,
                         const bide_dependency *replacement)
{
    if (strcmp(dependency->type_name, replacement->type_name) != 0) {
        bide__web_fault(app, -EINVAL,
                        "%s provides %s *, and cannot stand in for %s, which "
                        "provides %s *",
                        replacement->name, replacement->type_name,
                        dependency->name, dependency->type_name);
        return;
    }
    struct bide__web_override *one = bide_allocate(sizeof *one);
    if (!one) {
        bide__web_fault(app, -ENOMEM, "no memory to override %s",
                        dependency->name);
        return;
    }
    *one = (struct bide__web_override){app->overrides, dependency,
                                       replacement};
    app->overrides = one;
}

void bide_web_override(bide_web_app *app, const bide_dependency *dependency,
                       const bide_dependency *replacement)
{
    if (!app)
        return;
    app = app->root;
    struct bide__web_override **place = &app->overrides;
    while (*place && (*place)->dependency != dependency)
        place = &(*place)->next;
    if (*place) {
        struct bide__web_override *one = *place;
        *place = one->next;
        bide_release(one);
    }
    if (replacement && replacement != dependency)
        add_override(app, dependency, replacement);
}

/* ── Providing ────────────────────────────────────────────────────────── */

static int provide(bide_web_request *request,
                   const bide_dependency *dependency, int depth,
                   void **ret_value);

static int provide_needs(bide_web_request *request,
                         const struct bide__web_input *input, void *object,
                         int depth)
{
    int rc = 0;
    for (size_t i = 0; rc >= 0 && i < input->n_needs; i++) {
        void *value = NULL;
        rc = provide(request, input->needs[i].dependency, depth, &value);
        memcpy((char *)object + input->needs[i].offset, &value, sizeof value);
    }
    return rc < 0 ? rc : 0;
}

static int remember(bide_web_request *request,
                    const bide_dependency *dependency,
                    struct bide__web_value **ret_value)
{
    struct bide__web_value *value =
        bide_arena_allocate(&request->arena, sizeof *value);
    if (!value)
        return -ENOMEM;
    *value = (struct bide__web_value){.dependency = dependency};
    *ret_value = value;
    return 0;
}

static int provide_new(bide_web_request *request,
                       const bide_dependency *dependency, int depth,
                       void **ret_value)
{
    void *object;
    struct bide__web_value *value = NULL;
    const struct bide__web_input *input =
        bide__web_input(request->app, dependency->input);
    if (!input)
        return bide_raise(request->app->fault, "%s",
                          request->app->fault_text);
    int rc = bide__web_read_input(request, input, &object);
    if (rc == 0)
        rc = provide_needs(request, input, object, depth + 1);
    if (rc == 0)
        rc = remember(request, dependency, &value);
    if (rc == 0)
        rc = dependency->provide(request, object, &value->value);
    if (rc < 0)
        return rc;
    value->next = request->values;
    request->values = value;
    *ret_value = value->value;
    return 0;
}

static int provide(bide_web_request *request,
                   const bide_dependency *dependency, int depth,
                   void **ret_value)
{
    const struct bide__web_value *value = request->values;
    dependency = bide__web_overridden(request->app, dependency);
    if (request->app->fault < 0)
        return bide_raise(request->app->fault, "%s",
                          request->app->fault_text);
    while (value && value->dependency != dependency)
        value = value->next;
    if (value) {
        *ret_value = value->value;
        return 0;
    }
    if (depth > DEPTH_MAX)
        return bide_raise(-ELOOP, "%s needs dependencies of dependencies, "
                                  "more than %d deep",
                          dependency->name, DEPTH_MAX);
    return provide_new(request, dependency, depth, ret_value);
}

int bide__web_provide(bide_web_request *request,
                      const struct bide__web_input *input, void *object)
{
    return input->n_needs ? provide_needs(request, input, object, 0) : 0;
}

int bide_web_depend(bide_web_request *request,
                    const bide_dependency *dependency, void **ret_value)
{
    return provide(request, dependency, 0, ret_value);
}

/* ── Finishing ────────────────────────────────────────────────────────── */

int bide__web_finish_early(bide_web_request *request, int rc)
{
    struct bide__web_value *value = request->values;
    request->outcome = rc;
    for (; value; value = value->next) {
        const bide_dependency *dependency = value->dependency;
        if (!dependency->before_reply || value->finished)
            continue;
        value->finished = true;
        int done = dependency->finish
                       ? dependency->finish(request, value->value, rc)
                       : 0;
        if (done < 0 && rc >= 0)
            rc = done;
        request->outcome = rc;
    }
    return rc;
}

void bide__web_finish(bide_web_request *request)
{
    while (request->values) {
        struct bide__web_value *value = request->values;
        const bide_dependency *dependency = value->dependency;
        request->values = value->next;
        if (value->finished || !dependency->finish)
            continue;
        int rc = dependency->finish(request, value->value, request->outcome);
        if (rc < 0 && rc != request->outcome)
            bide__web_report("dependency", dependency->name, rc);
    }
}
