/* SPDX-License-Identifier: MIT */
/*
 * web.c — an endpoint with typed path, query and body parameters, and what the
 * server below costs without it.
 *
 *     web PORT         POST /shops/{shop}/items, validated, JSON both ways
 *     web PORT bare    a handler that reads the body and replies the same text
 *
 * Runs until it is terminated.
 */
#include <bide.h>
#include <bide/web.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

BIDE_MODEL(NewItem,
    BIDE_FIELD(str, name, .min_len = 1, .max_len = 80),
    BIDE_FIELD(f64, price, .gt = 0),
    BIDE_FIELD(i64, qty, .def = "1", .ge = 1),
    BIDE_FIELD(list(str), tags, .max_items = 10),
    BIDE_FIELD(optional(str), note, .max_len = 500));

BIDE_MODEL(Item,
    BIDE_FIELD(i64, id),
    BIDE_FIELD(i64, shop),
    BIDE_FIELD(str, name),
    BIDE_FIELD(f64, total),
    BIDE_FIELD(list(str), tags));

BIDE_MODEL(CreateItem,
    BIDE_PATH(i64, shop, .ge = 1),
    BIDE_QUERY(bool, dry, .def = "false"),
    BIDE_BODY(NewItem, item));

static int create_item(bide_web_request *request, const CreateItem *in,
                       Item *out)
{
    (void)request;
    *out = (Item){
        .id = in->dry ? 0 : 1,
        .shop = in->shop,
        .name = in->item.name,
        .total = in->item.price * (double)in->item.qty,
        .tags = in->item.tags,
        .n_tags = in->item.n_tags,
    };
    return 0;
}

static int serve_typed(int port)
{
    const bide_web_options options = {.http = {.body = 65536}};
    bide_web_app *app = bide_web_app_new(&options);
    BIDE_WEB_POST(app, "/shops/{shop}/items", create_item, CreateItem, Item,
                  .status = 201);
    int rc = bide_web_start(app, "127.0.0.1", port);
    if (rc == 0)
        rc = bide_signal_wait(SIGTERM);
    int stopped = bide_web_stop(app);
    bide_web_app_free(app);
    return rc < 0 ? rc : stopped;
}

static int reply_bare(bide_http_request *request, void *arg)
{
    static const char text[] =
        "{\"id\":1,\"shop\":7,\"name\":\"Darjeeling, first flush\","
        "\"total\":37.5,\"tags\":[\"tea\",\"black\",\"loose\"]}";
    const char *body;
    (void)arg;
    ssize_t len = bide_http_request_body(request, &body);
    if (len < 0)
        return (int)len;
    return bide_http_reply(request, 201, "application/json", text,
                           sizeof text - 1);
}

static int serve_bare(int port)
{
    bide_http_server *server;
    int rc = bide_http_serve("127.0.0.1", port, reply_bare, NULL, NULL,
                             &server);
    if (rc < 0)
        return rc;
    rc = bide_signal_wait(SIGTERM);
    int closed = bide_http_server_close(server);
    return rc < 0 ? rc : closed;
}

static int amain(void *arg)
{
    char **words = arg;
    int port = atoi(words[1]);
    return words[2] && strcmp(words[2], "bare") == 0 ? serve_bare(port)
                                                     : serve_typed(port);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: web PORT [bare]\n");
        return 2;
    }
    int rc = bide_run(amain, argv);
    if (rc < 0)
        fprintf(stderr, "web: %s\n", bide_errmsg(rc));
    return rc < 0;
}
