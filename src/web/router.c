/* SPDX-License-Identifier: MIT */
/*
 * router.c — the tree of routes, and finding one.
 *
 *     users ─┬─ me          GET
 *            └─ {}  ─┬──    GET, DELETE
 *                    └─ items ── {...}  GET
 *
 * Each node stands for a segment. Going down, the child with the segment's own
 * text is tried first, then the one for any segment, then the routes that take
 * all that is left; if one leads nowhere, the next is tried. A node is reached
 * in one way only, so that no path makes this cost more than the tree's size.
 *
 * Names of parameters belong to routes, not to nodes: "/users/{id}" and
 * "/users/{name}/items" are neighbours.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "web/web.h"

#define ALLOWED_MAX 256 /* bytes of the header Allow */

/* ── Adding ───────────────────────────────────────────────────────────── */

static int compare(const struct bide__web_node *node, const char *text,
                   size_t len)
{
    if (node->len != len)
        return node->len < len ? -1 : 1;
    return memcmp(node->text, text, len);
}

/* Where the child of this text is, or would be. */
static size_t search(const struct bide__web_node *node, const char *text,
                     size_t len, bool *ret_found)
{
    size_t low = 0, high = node->n_nodes;
    *ret_found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare(node->nodes[middle], text, len);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct bide__web_node *new_node(const char *text, size_t len)
{
    struct bide__web_node *node = bide_allocate(sizeof *node);
    if (!node)
        return NULL;
    memset(node, 0, sizeof *node);
    node->len = len;
    node->text = text ? bide__web_copy(text, len) : NULL;
    if (text && !node->text) {
        bide_release(node);
        return NULL;
    }
    return node;
}

static struct bide__web_node *text_below(struct bide__web_node *node,
                                         const char *text, size_t len)
{
    bool found;
    size_t at = search(node, text, len, &found);
    if (found)
        return node->nodes[at];
    struct bide__web_node **nodes =
        bide_reallocate(node->nodes, (node->n_nodes + 1) * sizeof *nodes);
    if (!nodes)
        return NULL;
    node->nodes = nodes;
    struct bide__web_node *child = new_node(text, len);
    if (!child)
        return NULL;
    memmove(nodes + at + 1, nodes + at,
            (node->n_nodes - at) * sizeof *nodes);
    nodes[at] = child;
    node->n_nodes++;
    return child;
}

static struct bide__web_node *param_below(struct bide__web_node *node)
{
    if (!node->param)
        node->param = new_node(NULL, 0);
    return node->param;
}

static int add_param(struct bide__web_route *route, const char *name,
                     size_t len)
{
    char **params = bide_reallocate(
        route->params, (route->n_params + 1) * sizeof *params);
    if (!params)
        return -ENOMEM;
    route->params = params;
    params[route->n_params] = bide__web_copy(name, len);
    if (!params[route->n_params])
        return -ENOMEM;
    route->n_params++;
    return 0;
}

static int complain(bide_web_app *app, const struct bide__web_route *route,
                    int code, const char *what)
{
    bide__web_fault(app, code, "%s %.100s: %s", route->method, route->path,
                    what);
    return code;
}

static int check_params(bide_web_app *app, const struct bide__web_route *route)
{
    for (size_t i = 0; i < route->n_params; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(route->params[i], route->params[k]) == 0)
                return complain(app, route, -EINVAL,
                                "the path has a name twice");
    if (route->n_params > BIDE_WEB_PARAMS_MAX)
        return complain(app, route, -E2BIG,
                        "the path has more than 16 names");
    return 0;
}

/* One step down. Sets *ret_rest at the end of a path that takes the rest. */
static struct bide__web_node *step(struct bide__web_node *node,
                                   struct bide__web_route *route,
                                   const char *segment, size_t len,
                                   bool *ret_rest)
{
    switch (bide__web_classify(segment, len)) {
    case BIDE__WEB_TEXT:
        return text_below(node, segment, len);
    case BIDE__WEB_PARAM:
        if (add_param(route, segment + 1, len - 2) < 0)
            return NULL;
        return param_below(node);
    case BIDE__WEB_REST:
        *ret_rest = true;
        return add_param(route, segment + 1, len - 5) < 0 ? NULL : node;
    default:
        return NULL;
    }
}

static int check_path(bide_web_app *app, const struct bide__web_route *route)
{
    const char *at = route->path;
    size_t segments = 0;
    if (at[0] != '/')
        return complain(app, route, -EINVAL,
                        "a path must begin with a \"/\"");
    while (*at == '/') {
        size_t len = strcspn(at + 1, "/");
        enum bide__web_segment kind = bide__web_classify(at + 1, len);
        if (kind == BIDE__WEB_BAD)
            return complain(app, route, -EINVAL,
                            "a segment must be a text, {name} or {name...}");
        if (kind == BIDE__WEB_REST && at[len + 1])
            return complain(app, route, -EINVAL,
                            "{name...} can only be at the end");
        at += len + 1;
        segments++;
    }
    if (segments > BIDE_WEB_SEGMENTS_MAX)
        return complain(app, route, -E2BIG,
                        "the path has more than 64 segments");
    return 0;
}

static int hang(bide_web_app *app, struct bide__web_route **list,
                struct bide__web_route *route)
{
    for (; *list; list = &(*list)->also)
        if (strcmp((*list)->method, route->method) == 0)
            return complain(app, route, -EEXIST,
                            "there is a route of this path already");
    *list = route;
    return 0;
}

int bide__web_tree_add(bide_web_app *app, struct bide__web_route *route)
{
    struct bide__web_node *node = &app->tree;
    const char *at = route->path;
    bool rest = false;
    int rc = check_path(app, route);
    while (rc == 0 && *at == '/') {
        size_t len = strcspn(at + 1, "/");
        node = step(node, route, at + 1, len, &rest);
        if (!node)
            return complain(app, route, -ENOMEM, "no memory");
        at += len + 1;
    }
    if (rc == 0)
        rc = check_params(app, route);
    if (rc < 0)
        return rc;
    return hang(app, rest ? &node->rest : &node->routes, route);
}

void bide__web_tree_free(struct bide__web_node *node)
{
    for (size_t i = 0; i < node->n_nodes; i++) {
        bide__web_tree_free(node->nodes[i]);
        bide_release(node->nodes[i]);
    }
    if (node->param) {
        bide__web_tree_free(node->param);
        bide_release(node->param);
    }
    bide_release(node->nodes);
    bide_release(node->text);
}

/* ── Finding ──────────────────────────────────────────────────────────── */

/* A way down the tree. */
struct walk {
    char *const *segments;
    size_t count;
    const char *method;       /* NULL: any will do */
    const char *params[BIDE_WEB_PARAMS_MAX];
    size_t n_params;
    bool rest;                /* the last one is the rest from here on: */
    size_t rest_at;
    char *allowed;            /* methods are collected, none is looked for */
    size_t used;
};

static void allow(struct walk *walk, const char *method)
{
    if (walk->used + strlen(method) + 8 > ALLOWED_MAX)
        return;
    walk->used += (size_t)snprintf(walk->allowed + walk->used,
                                   ALLOWED_MAX - walk->used, "%s%s",
                                   walk->used ? ", " : "", method);
    if (strcmp(method, "GET") == 0)
        allow(walk, "HEAD");
}

static struct bide__web_route *choose(struct walk *walk,
                                      struct bide__web_route *route)
{
    for (; route; route = route->also) {
        if (walk->allowed)
            allow(walk, route->method);
        else if (!walk->method || strcmp(route->method, walk->method) == 0)
            return route;
    }
    return NULL;
}

static struct bide__web_route *descend(struct walk *walk,
                                       const struct bide__web_node *node,
                                       size_t at);

static struct bide__web_route *
descend_by_param(struct walk *walk, const struct bide__web_node *node,
                 size_t at)
{
    if (!node->param || walk->segments[at][0] == '\0')
        return NULL;
    walk->params[walk->n_params++] = walk->segments[at];
    struct bide__web_route *route = descend(walk, node->param, at + 1);
    if (!route)
        walk->n_params--;
    return route;
}

static struct bide__web_route *descend(struct walk *walk,
                                       const struct bide__web_node *node,
                                       size_t at)
{
    bool found;
    struct bide__web_route *route = NULL;
    if (at == walk->count)
        return choose(walk, node->routes);
    const char *segment = walk->segments[at];
    size_t child = search(node, segment, strlen(segment), &found);
    if (found)
        route = descend(walk, node->nodes[child], at + 1);
    if (!route)
        route = descend_by_param(walk, node, at);
    if (route || !node->rest)
        return route;
    route = choose(walk, node->rest);
    walk->rest = route != NULL;
    walk->rest_at = at;
    return route;
}

/* The rest of a path: its segments with the slashes between them again. */
static int join(bide_web_request *request, size_t from)
{
    size_t len = 0;
    for (size_t i = from; i < request->n_segments; i++)
        len += strlen(request->segments[i]) + 1;
    char *text = bide_arena_allocate(&request->arena, len);
    if (!text)
        return -ENOMEM;
    request->rest = text;
    for (size_t i = from; i < request->n_segments; i++) {
        text = stpcpy(text, request->segments[i]);
        *text++ = i + 1 < request->n_segments ? '/' : '\0';
    }
    return 0;
}

static int accept(bide_web_request *request, const struct walk *walk,
                  struct bide__web_route *route)
{
    int rc = walk->rest ? join(request, walk->rest_at) : 0;
    request->route = route;
    memcpy(request->params, walk->params, walk->n_params * sizeof(char *));
    if (walk->rest)
        request->params[walk->n_params] = request->rest;
    return rc;
}

static int collect_allowed(bide_web_request *request)
{
    struct walk walk = {
        .segments = request->segments,
        .count = request->n_segments,
    };
    walk.allowed = bide_arena_allocate(&request->arena, ALLOWED_MAX);
    if (!walk.allowed)
        return -ENOMEM;
    (void)descend(&walk, &request->app->tree, 0);
    request->allowed = walk.used ? walk.allowed : NULL;
    return 0;
}

int bide__web_find(bide_web_request *request)
{
    const char *method = bide_http_request_method(request->http);
    struct walk walk = {
        .segments = request->segments,
        .count = request->n_segments,
        .method = method,
    };
    request->route = &request->app->nowhere;
    if (request->n_segments == 0)
        return 0;
    struct bide__web_route *route = descend(&walk, &request->app->tree, 0);
    if (!route && strcmp(method, "HEAD") == 0) {
        walk.method = "GET";
        walk.n_params = 0;
        route = descend(&walk, &request->app->tree, 0);
    }
    return route ? accept(request, &walk, route) : collect_allowed(request);
}

bool bide__web_would_find(bide_web_request *request)
{
    static char empty[] = "";
    size_t count = request->n_segments;
    char *segments[BIDE_WEB_SEGMENTS_MAX + 1];
    if (count == 0)
        return false;
    memcpy(segments, request->segments, count * sizeof *segments);
    segments[count] = empty;
    count = segments[count - 1][0] ? count + 1 : count - 1;
    if (count == 0)
        return false;
    struct walk walk = {.segments = segments, .count = count};
    return descend(&walk, &request->app->tree, 0) != NULL;
}
