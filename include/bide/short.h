/* SPDX-License-Identifier: MIT */
/*
 * <bide/short.h> — short names, for those who want them: model, field, path,
 * query and so on, for what <bide/describe.h> calls BIDE_MODEL, BIDE_FIELD,
 * BIDE_PATH, BIDE_QUERY.
 *
 *     model(NewItem,
 *         field(str, name, .min_len = 1),
 *         field(f64, price, .gt = 0));
 *
 * They are macros that take arguments: a variable called `path` stays one. No
 * other header of bide includes this one.
 */
#ifndef BIDE_SHORT_H
#define BIDE_SHORT_H

#include <bide/model.h>

#define model(...) BIDE_MODEL(__VA_ARGS__)
#define options(...) BIDE_OPTIONS(__VA_ARGS__)
#define enumeration(...) BIDE_ENUM(__VA_ARGS__)
#define field(...) BIDE_FIELD(__VA_ARGS__)
#define path(...) BIDE_PATH(__VA_ARGS__)
#define query(...) BIDE_QUERY(__VA_ARGS__)
#define header(...) BIDE_HEADER(__VA_ARGS__)
#define cookie(...) BIDE_COOKIE(__VA_ARGS__)
#define form(...) BIDE_FORM(__VA_ARGS__)
#define body(...) BIDE_BODY(__VA_ARGS__)
#define dep(...) BIDE_DEP(__VA_ARGS__)

#endif
