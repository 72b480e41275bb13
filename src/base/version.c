/* SPDX-License-Identifier: MIT */
/* version.c — the version that this library was built as. */
#include "base/base.h"

#define TEXT_OF(value) #value
#define TEXT(value) TEXT_OF(value)

const char *bide_version(void)
{
    return TEXT(BIDE_VERSION_MAJOR) "." TEXT(BIDE_VERSION_MINOR) "." TEXT(
        BIDE_VERSION_PATCH);
}
