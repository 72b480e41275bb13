/* SPDX-License-Identifier: MIT */
/* form.c — forms: the values of a body. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "web/web.h"

static bool is_type(const char *type, const char *wanted)
{
    size_t len = strlen(wanted);
    return type && strncasecmp(type, wanted, len) == 0 &&
           strchr("; \t", type[len]);
}

static int read_urlencoded(bide_web_request *request)
{
    const char *text;
    ssize_t len = bide_web_request_body(request, &text);
    if (len < 0)
        return (int)len;
    return bide__web_parse_pairs(&request->arena, text, (size_t)len,
                                 &request->form);
}

int bide__web_form(bide_web_request *request)
{
    const char *type = bide_web_request_header(request, "Content-Type");
    if (request->form_parsed)
        return 0;
    request->form_parsed = true;
    if (is_type(type, "application/x-www-form-urlencoded"))
        return read_urlencoded(request);
    return 0;
}
