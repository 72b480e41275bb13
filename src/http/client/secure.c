/* SPDX-License-Identifier: MIT */
/*
 * secure.c — libbide-tls, if it is there. This library does not need it to be.
 *
 * Its functions are found in three places, in this order: where the linker
 * has put them, if the program links with libbide-tls; among the symbols that
 * the process has loaded; and in the shared library, which is loaded when the
 * first https URL asks for it. The last way only if the core in use is the
 * shared one: the library would bring a second core along otherwise.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <bide/tls.h>

#include "http/client/client.h"

#pragma weak bide_tls_open_client
#pragma weak bide_tls_close
#pragma weak bide_stream_tls_info

#define STRING(x) #x
#define SUFFIX(major) ".so." STRING(major)
#define CORE "libbide" SUFFIX(BIDE_VERSION_MAJOR)
#define LIBRARY "libbide-tls" SUFFIX(BIDE_VERSION_MAJOR)

static struct functions {
    __typeof__(bide_tls_open_client) *open;
    __typeof__(bide_tls_close) *close;
    __typeof__(bide_stream_tls_info) *info;
} functions;

static bool find_in(void *handle, struct functions *found)
{
    void *open = dlsym(handle, "bide_tls_open_client");
    void *close = dlsym(handle, "bide_tls_close");
    void *info = dlsym(handle, "bide_stream_tls_info");
    memcpy(&found->open, &open, sizeof open);
    memcpy(&found->close, &close, sizeof close);
    memcpy(&found->info, &info, sizeof info);
    return open && close && info;
}

static bool core_is_shared(void)
{
    void *core = dlopen(CORE, RTLD_LAZY | RTLD_NOLOAD);
    if (!core)
        return false;
    const char *(*ours)(void) = bide_version;
    void *there = dlsym(core, "bide_version");
    dlclose(core);
    return memcmp(&ours, &there, sizeof there) == 0;
}

static bool find(struct functions *found)
{
    if (bide_tls_open_client && bide_tls_close && bide_stream_tls_info) {
        *found = (struct functions){bide_tls_open_client, bide_tls_close,
                                    bide_stream_tls_info};
        return true;
    }
    if (find_in(RTLD_DEFAULT, found))
        return true;
    void *library = core_is_shared() ? dlopen(LIBRARY, RTLD_LAZY) : NULL;
    return library && find_in(library, found);
}

static void find_once(void)
{
    struct functions found;
    if (find(&found))
        functions = found;
}

/* Sessions of other threads may ask at the same time. */
static bool is_there(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, find_once);
    return functions.open != NULL;
}

int bide__secure_context(bide_http_session *session)
{
    bide_tls_context *context;
    if (session->tls)
        return 0;
    if (!is_there())
        return bide_raise(-ENOTSUP, "https needs libbide-tls: link the program "
                                    "with it, or set the session's option tls");
    const bide_tls_options options = {
        .alpn = session->options.no_http2 ? "http/1.1" : "h2,http/1.1",
    };
    int rc = functions.open(&options, &context);
    if (rc < 0)
        return rc;
    session->own_tls = context;
    session->tls = context;
    return 0;
}

void bide__secure_close(bide_http_session *session)
{
    if (session->own_tls)
        functions.close(session->own_tls);
}

bool bide__secure_speaks_h2(const bide_stream *stream)
{
    bide_tls_info info;
    return is_there() && functions.info(stream, &info) == 0 &&
           strcmp(info.alpn, "h2") == 0;
}
