/* SPDX-License-Identifier: MIT */
/* form.c — forms: urlencoded ones, and what both kinds give. */
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
    int rc = bide__web_parse_pairs(&request->arena, text, (size_t)len,
                                   &request->form);
    if (rc == -E2BIG || rc == -EINVAL)
        return bide_web_error(request, rc == -E2BIG ? 413 : 400, "%s",
                              bide_errmsg(rc));
    return rc;
}

int bide_web_form(bide_web_request *request,
                  const bide_web_form_options *options)
{
    const char *type = bide_web_request_header(request, "Content-Type");
    if (request->form_parsed)
        return 0;
    request->form_parsed = true;
    if (is_type(type, "application/x-www-form-urlencoded"))
        return read_urlencoded(request);
    if (is_type(type, "multipart/form-data"))
        return bide__web_read_multipart(request, type, options);
    return 0;
}

const char *bide_web_form_value(const bide_web_request *request,
                                const char *name)
{
    const struct bide__web_pair *pair =
        bide__web_pair(&request->form, name, 0);
    return pair ? pair->value : NULL;
}

const bide_web_upload *bide_web_form_upload(const bide_web_request *request,
                                            const char *name)
{
    const bide_web_upload *upload = request->uploads;
    while (name && upload && strcmp(upload->name, name) != 0)
        upload = upload->next;
    return upload;
}
