/* SPDX-License-Identifier: MIT */
/* scandir.h — what listing and walking share. */
#ifndef BIDE_SRC_FILE_SCANDIR_H
#define BIDE_SRC_FILE_SCANDIR_H

#include <bide/path.h>

#include "file/file.h"

/* Open a directory, of a name in another or of a path (AT_FDCWD), and read
 * its first entries. Returns 0 or a negative code without a message. */
int bide__scandir_begin(bide_task *self, bide_scandir *scandir, int parent,
                        const char *name, int flags,
                        const struct bide__wait *wait);

/* The next entry but for its path and depth. Returns 1, 0 at the end, or a
 * negative code without a message. */
int bide__scandir_take(bide_task *self, bide_scandir *scandir,
                       bide_entry *ret_entry, const struct bide__wait *wait);

#endif
