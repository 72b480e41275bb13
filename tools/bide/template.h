/* SPDX-License-Identifier: MIT */
/* template.h — the files of template/, which embed.py writes into the
 * program. */
#ifndef BIDE_CLI_TEMPLATE_H
#define BIDE_CLI_TEMPLATE_H

struct template {
    const char *path; /* NULL ends the array */
    const char *text; /* with @NAME@ where the project's name is to be */
};

extern const struct template templates[];

#endif
