/* SPDX-License-Identifier: MIT */
/* absent.c — what the subcommands say that were built without libbide-http. */
#include "cli.h"

static int complain_of_absence(const char *name)
{
    return complain("'bide %s' needs libbide-http, and this bide was built "
                    "without it: it takes the source of llhttp (node-llhttp), "
                    "OpenSSL, zlib, brotli, zstd and nghttp2",
                    name);
}

int serve_main(int argc, char **argv)
{
    (void)argc;
    return complain_of_absence(argv[0]);
}

int http_main(int argc, char **argv)
{
    (void)argc;
    return complain_of_absence(argv[0]);
}
