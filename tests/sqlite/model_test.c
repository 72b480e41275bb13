/* SPDX-License-Identifier: MIT */
/* model_test.c — rows into structs, and structs into parameters. */
#include <errno.h>

#include <bide/sql_model.h>

#include "sqlite/database.h"

BIDE_ENUM(Rank, guest, member, admin);

BIDE_MODEL(Person,
    BIDE_FIELD(i64, id),
    BIDE_FIELD(str, name, .column = "full_name"),
    BIDE_FIELD(Rank, rank),
    BIDE_FIELD(bool, active, .def = "true"),
    BIDE_FIELD(f64, score),
    BIDE_FIELD(optional(time), seen),
    BIDE_FIELD(uuid, key),
    BIDE_FIELD(list(str), tags, .def = "[]"),
    BIDE_FIELD(bytes, photo));

#define TABLE                                                                 \
    "CREATE TABLE person (id, full_name, rank, active, score, seen, key, "    \
    "tags, photo)"

static int insert(bide_sql *db, const Person *person)
{
    bide_arena arena = {0};
    bide_sql_params params;
    int rc = bide_sql_params_of(&bide_model_Person, person, &arena, &params);
    if (rc == 0)
        rc = bide_sql_execute(db, "INSERT INTO person VALUES ($1, $2, $3, $4, "
                                  "$5, $6, $7, $8, $9)",
                              params);
    bide_arena_free(&arena);
    return rc;
}

DATABASE_TEST(an_object_comes_back_as_it_was)
{
    bide_arena arena = {0};
    const char *tags[] = {"a", "b"};
    Person ada = {
        .id = 7,
        .name = "Ada",
        .rank = Rank_admin,
        .active = false,
        .score = 2.5,
        .has_seen = true,
        .seen = 1763667000.25,
        .key = {{1, 2, 3, 255}},
        .tags = tags,
        .n_tags = 2,
        .photo = {"\0\1", 2},
    };
    Person back = {0};
    CHECK_OK(bide_sql_execute(db, TABLE, BIDE_SQL()));
    CHECK_INT(insert(db, &ada), 1);
    CHECK_INT(bide_sql_fetchrow_as(db, "SELECT * FROM person WHERE id = $1",
                                   BIDE_SQL(7), &bide_model_Person, &arena,
                                   &back),
              1);
    CHECK_INT(back.id, 7);
    CHECK_STR(back.name, "Ada");
    CHECK_INT(back.rank, Rank_admin);
    CHECK(!back.active);
    CHECK(back.score == 2.5);
    CHECK(back.has_seen && back.seen == 1763667000.25);
    CHECK_MEM(&back.key, &ada.key, sizeof ada.key);
    CHECK_INT(back.n_tags, 2);
    CHECK_STR(back.tags[1], "b");
    CHECK_INT(back.photo.len, 2);
    CHECK_MEM(back.photo.data, "\0\1", 2);
    bide_arena_free(&arena);
    return 0;
}

DATABASE_TEST(all_rows_become_objects_and_what_is_missing_has_defaults)
{
    bide_arena arena = {0};
    Person *people;
    CHECK_INT(bide_sql_fetch_as(
                  db,
                  "WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 "
                  "FROM n WHERE i < 999) SELECT i AS id, 'n' || i AS "
                  "full_name, 5 AS no_field FROM n",
                  BIDE_SQL(), &bide_model_Person, &arena, &people),
              1000);
    CHECK_INT(people[999].id, 999);
    CHECK_STR(people[999].name, "n999");
    CHECK(people[999].active);
    CHECK(!people[999].has_seen);
    CHECK_INT(bide_sql_fetch_as(db, "SELECT 1 AS id WHERE 0", BIDE_SQL(),
                                &bide_model_Person, &arena, &people),
              0);
    bide_arena_free(&arena);
    return 0;
}

DATABASE_TEST(what_a_field_cannot_hold_is_an_error_that_names_it)
{
    bide_arena arena = {0};
    Person person;
    CHECK_ERR(bide_sql_fetchrow_as(db, "SELECT NULL AS id", BIDE_SQL(),
                                   &bide_model_Person, &arena, &person),
              -EINVAL);
    CHECK(strstr(bide_errmsg(-EINVAL), "id"));
    CHECK_ERR(bide_sql_fetchrow_as(db, "SELECT 'king' AS rank", BIDE_SQL(),
                                   &bide_model_Person, &arena, &person),
              -EINVAL);
    CHECK_INT(bide_sql_fetchrow_as(db, "SELECT 1 AS id WHERE 0", BIDE_SQL(),
                                   &bide_model_Person, &arena, &person),
              0);
    bide_arena_free(&arena);
    return 0;
}
