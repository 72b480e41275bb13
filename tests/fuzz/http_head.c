/* SPDX-License-Identifier: MIT */
/* http_head.c — the head of a request: where it ends, and what it says. */
#include "fuzz.h"

#include <string.h>

#include "http/server/server.h"

#define HEAD_MAX 4096

/* Every string that the parser gave lies in its memory, ends there, and has
 * nothing in it that a header cannot have. */
static void look(const bide_http_request *request)
{
    const char *name, *value;
    if (strlen(request->method) == 0 || strlen(request->target) == 0)
        abort();
    for (size_t i = 0; bide_http_request_field(request, i, &name, &value); i++)
        if (!bide__http_is_token(name, strlen(name)) ||
            !bide__http_is_value(value, strlen(value)))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bide_http_server server = {.options = {.head = HEAD_MAX, .fields = 20}};
    struct bide__http_connection connection = {.server = &server};
    bide_http_request *request = &connection.request;
    unsigned lines = 0;
    request->connection = &connection;
    request->server = &server;
    const char *text = (const char *)data;
    int head = bide__http_find_head(text, size, HEAD_MAX, &lines);
    if (head > (int)size || (head < 0 && (head > -400 || head < -599)))
        abort();
    if (head <= 0)
        return 0;
    int rc = bide__http_parse_head(request, text, (size_t)head, lines);
    if (rc == 0)
        look(request);
    if (request->memory != connection.head)
        bide_release(request->memory);
    return 0;
}
