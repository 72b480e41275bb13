/* SPDX-License-Identifier: MIT */
/*
 * <bide/sql_model.h> — rows into structs, and structs into parameters, by the
 * descriptions of <bide/model.h>. Link with libbide-sql and libbide-model.
 *
 *     BIDE_MODEL(User,
 *         BIDE_FIELD(i64, id),
 *         BIDE_FIELD(str, name),
 *         BIDE_FIELD(optional(time), seen));
 *
 *     User *users;
 *     int n = bide_sql_fetch_as(db, "SELECT id, name, seen FROM users",
 *                               BIDE_SQL(), &bide_model_User, &arena, &users);
 *
 * A column belongs to the field of its name (or to the one that says so by
 * .column); a column without a field is ignored, a field without a column has
 * its default. Texts lie in the arena. Limits and patterns are not checked:
 * what a database has is what it has.
 */
#ifndef BIDE_SQL_MODEL_H
#define BIDE_SQL_MODEL_H

#include <bide/model.h>
#include <bide/sql.h>

BIDE_BEGIN

/*
 * bide_sql_row_as — make an object of a row.
 *
 *   model        describes the object
 *   arena        for its texts and lists
 *   ret_object   a struct of the model; set on success
 *
 * Returns:  0 or a negative code with a message.
 * Suspends: never.
 * Errors:   -EINVAL   a value that the field cannot hold, NULL for one that
 *                     must have a value; the message names the field
 *           -ENOMEM
 * Owns:     nothing of the row is needed any more.
 * Thread:   the loop's.
 */
BIDE_API BIDE_NODISCARD int bide_sql_row_as(const bide_sql_row *row,
                                            const bide_model *model,
                                            bide_arena *arena,
                                            void *ret_object);

/*
 * bide_sql_fetch_as — run a statement and fetch all of its rows as objects.
 *
 *   db, sql, params   as for bide_sql_fetch()
 *   model, arena      as for bide_sql_row_as()
 *   ret_objects       the address of a pointer to structs of the model; set on
 *                     success
 *
 * Returns:  how many there are, or a negative code with a message.
 * Suspends: always a cancellation point.
 * Cancel:   as bide_sql_execute().
 * Errors:   as bide_sql_fetch() and bide_sql_row_as()
 * Owns:     the objects lie in the arena.
 * Thread:   the loop's.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_sql_fetch_as(bide_sql *db, const char *sql, bide_sql_params params,
                  const bide_model *model, bide_arena *arena,
                  void *ret_objects);

/*
 * bide_sql_fetchrow_as — run a statement and fetch its first row as an object.
 *
 *   db, sql, params   as for bide_sql_fetch()
 *   model, arena      as for bide_sql_row_as()
 *   ret_object        a struct of the model; set if the result is 1
 *
 * Returns:  1, 0 if there is no row, or a negative code with a message.
 * Suspends: always a cancellation point.
 * Cancel:   as bide_sql_execute().
 * Errors:   as bide_sql_fetch() and bide_sql_row_as()
 * Thread:   the loop's.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_sql_fetchrow_as(bide_sql *db, const char *sql, bide_sql_params params,
                     const bide_model *model, bide_arena *arena,
                     void *ret_object);

/*
 * bide_sql_params_of — the fields of an object as parameters.
 *
 * $1 is the first field of the model, $2 the second one, and so on. An
 * optional field that is absent is NULL; models and lists are JSON.
 *
 *   object       borrowed as long as the parameters are used
 *   arena        for the parameters
 *   ret_params   set on success
 *
 * Returns:  0 or a negative code with a message.
 * Suspends: never.
 * Errors:   -EINVAL, -ENOMEM
 * Owns:     the parameters lie in the arena.
 * Thread:   any.
 */
BIDE_API BIDE_NODISCARD int bide_sql_params_of(const bide_model *model,
                                               const void *object,
                                               bide_arena *arena,
                                               bide_sql_params *ret_params);

BIDE_END

#endif
