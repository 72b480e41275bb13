/* SPDX-License-Identifier: MIT */
/*
 * <bide/describe.h> — describe a struct once: BIDE_MODEL and BIDE_ENUM.
 *
 *     BIDE_ENUM(Size, small, large);
 *
 *     BIDE_MODEL(NewItem,
 *         BIDE_OPTIONS(.doc = "What a shop gets to sell"),
 *         BIDE_FIELD(str, name, .min_len = 1, .max_len = 80),
 *         BIDE_FIELD(f64, price, .gt = 0),
 *         BIDE_FIELD(i64, qty, .def = "1", .ge = 1),
 *         BIDE_FIELD(Size, size, .def = "small"),
 *         BIDE_FIELD(optional(str), note),
 *         BIDE_FIELD(list(str), tags, .max_items = 10));
 *
 * declares what a programmer would write by hand,
 *
 *     typedef enum Size { Size_small, Size_large } Size;
 *     typedef struct NewItem {
 *         const char *name;
 *         double price;
 *         int64_t qty;
 *         Size size;
 *         const char *note; bool has_note;
 *         const char **tags; size_t n_tags;
 *     } NewItem;
 *
 * and the description `bide_model_NewItem` beside it, by which <bide/model.h>
 * and <bide/json.h> read, check and write such structs.
 *
 * A field's type is one of
 *
 *     bool        true and false; also called boolean
 *     i32 i64     int32_t, int64_t
 *     u64         uint64_t
 *     f64         double
 *     str         const char *: UTF-8 with a NUL behind it, and none within
 *     bytes       bide_bytes; base64 in JSON and in texts
 *     time        double, seconds since 1970 in UTC; RFC 3339 in JSON
 *     uuid        bide_uuid
 *     json        const char *: the text of any JSON value
 *     Name        of a BIDE_MODEL or BIDE_ENUM before it; a model may hold
 *                 lists of itself
 *
 * or list(type), optional(type), optional(list(type)). What is neither
 * optional nor has a default is required. The options behind the name are the
 * members of bide_field that <bide/model.h> calls the user's.
 *
 * Models stand outside functions; one in a header serves every file that
 * includes it. A model has at most 64 fields, an enum at most 64 values.
 *
 * All of this is for C. C++ may call the functions on models made in C.
 */
#ifndef BIDE_DESCRIBE_H
#define BIDE_DESCRIBE_H

#include <bide/model.h>

#ifndef __cplusplus

/* ── The types' names ─────────────────────────────────────────────────── */

/* A type T is the C type bide_type_T and the description bide_model_T. */
typedef bool bide_type_bool, bide_type__Bool, bide_type_boolean;
typedef int32_t bide_type_i32;
typedef int64_t bide_type_i64;
typedef uint64_t bide_type_u64;
typedef double bide_type_f64;
typedef const char *bide_type_str;
typedef bide_bytes bide_type_bytes;
typedef double bide_type_time;
typedef bide_uuid bide_type_uuid;
typedef const char *bide_type_json;

#define bide_model__Bool bide_model_boolean
#define bide_model_bool bide_model_boolean

#define BIDE__SCALAR(T, kind_)                                                \
    static const bide_model bide_model_##T __attribute__((unused)) = {        \
        .name = #T, .kind = kind_, .size = sizeof(bide_type_##T)}
BIDE__SCALAR(boolean, BIDE_KIND_BOOLEAN);
BIDE__SCALAR(i32, BIDE_KIND_I32);
BIDE__SCALAR(i64, BIDE_KIND_I64);
BIDE__SCALAR(u64, BIDE_KIND_U64);
BIDE__SCALAR(f64, BIDE_KIND_F64);
BIDE__SCALAR(str, BIDE_KIND_STR);
BIDE__SCALAR(bytes, BIDE_KIND_BYTES);
BIDE__SCALAR(time, BIDE_KIND_TIME);
BIDE__SCALAR(uuid, BIDE_KIND_UUID);
BIDE__SCALAR(json, BIDE_KIND_JSON);

/* ── What users write ─────────────────────────────────────────────────── */

/* BIDE_FIELD(type, name, options...): of a document, or of a row. */
#define BIDE_FIELD(type, ...)                                                 \
    (BIDE__SHAPE(BIDE__SHAPE_##type, type), BIDE_IN_DOCUMENT, __VA_ARGS__, )

/* Of an endpoint's input, by the place of a request that it comes from. */
#define BIDE_PATH(type, ...)                                                  \
    (BIDE__SHAPE(BIDE__SHAPE_##type, type), BIDE_IN_PATH, __VA_ARGS__, )
#define BIDE_QUERY(type, ...)                                                 \
    (BIDE__SHAPE(BIDE__SHAPE_##type, type), BIDE_IN_QUERY, __VA_ARGS__, )
#define BIDE_HEADER(type, ...)                                                \
    (BIDE__SHAPE(BIDE__SHAPE_##type, type), BIDE_IN_HEADER, __VA_ARGS__, )
#define BIDE_COOKIE(type, ...)                                                \
    (BIDE__SHAPE(BIDE__SHAPE_##type, type), BIDE_IN_COOKIE, __VA_ARGS__, )
#define BIDE_FORM(type, ...)                                                  \
    (BIDE__SHAPE(BIDE__SHAPE_##type, type), BIDE_IN_FORM, __VA_ARGS__, )
#define BIDE_BODY(type, ...)                                                  \
    (BIDE__SHAPE(BIDE__SHAPE_##type, type), BIDE_IN_BODY, __VA_ARGS__, )

/* BIDE_DEP(type, name, dependency, options...): `type *name`, set by what the
 * bide_dependency provides. */
#define BIDE_DEP(type, name, ...)                                             \
    (DEP, type, BIDE_IN_DEP, name, .provider = &__VA_ARGS__, )

/* BIDE_OPTIONS(options...) among the fields: of the model as a whole, the
 * members of bide_model that <bide/model.h> calls the user's. */
#define BIDE_OPTIONS(...) (OPTIONS, __VA_ARGS__, )

/* BIDE_VALUE(name, "text") among the names of a BIDE_ENUM: one whose text is
 * not its name. */
#define BIDE_VALUE(name, text) (VALUE, name, text)

#define BIDE_MODEL(M, ...)                                                    \
    typedef struct M M;                                                       \
    typedef M bide_type_##M;                                                  \
    struct M {                                                                \
        BIDE__EACH(BIDE__MEMBER, BIDE__NO_MORE, M, __VA_ARGS__)               \
    };                                                                        \
    BIDE__QUIET                                                               \
    static const bide_model bide_model_##M;                                   \
    static const bide_field bide_fields_##M[] = {                             \
        BIDE__EACH(BIDE__ENTRY, BIDE__NOTHING, M, __VA_ARGS__)};              \
    static struct bide_plan *bide_plan_##M;                                   \
    static const bide_model bide_model_##M __attribute__((unused)) = {        \
        .name = #M,                                                           \
        .kind = BIDE_KIND_MODEL,                                              \
        .size = sizeof(M),                                                    \
        .fields = bide_fields_##M,                                            \
        .n_fields = sizeof bide_fields_##M / sizeof bide_fields_##M[0],       \
        .plan = &bide_plan_##M,                                               \
        BIDE__EACH(BIDE__OPTION, BIDE__NOTHING, M, __VA_ARGS__)};             \
    BIDE__LOUD                                                                \
    typedef struct M M

/* BIDE_ENUM(Name, one, two): the constants Name_one and Name_two, with the
 * texts "one" and "two". */
#define BIDE_ENUM(M, ...)                                                     \
    typedef enum M {                                                          \
        BIDE__EACH(BIDE__CONSTANT, BIDE__NO_MORE_VALUES, M, __VA_ARGS__)      \
    } M;                                                                      \
    typedef M bide_type_##M;                                                  \
    static const char *const bide_names_##M[] = {                             \
        BIDE__EACH(BIDE__TEXT, BIDE__NOTHING, M, __VA_ARGS__)};               \
    static struct bide_plan *bide_plan_##M;                                   \
    static const bide_model bide_model_##M __attribute__((unused)) = {        \
        .name = #M,                                                           \
        .kind = BIDE_KIND_ENUM,                                               \
        .size = sizeof(M),                                                    \
        .names = bide_names_##M,                                              \
        .n_names = sizeof bide_names_##M / sizeof bide_names_##M[0],          \
        .plan = &bide_plan_##M,                                               \
    };                                                                        \
    typedef M bide_type_##M

/* ── How it is done ───────────────────────────────────────────────────── */

/*
 * Each item is a tuple whose first part says what it is. BIDE__EACH applies a
 * macro to all of them, three times: for the members of the struct, for the
 * fields of the description, for the options of the model. It does not nest,
 * so that a compiler's message about an item is not lost in a hundred lines of
 * "in expansion of". The list is filled up to 64 by tuples of kind NONE.
 */
#define BIDE__EACH(m, end, M, ...)                                            \
    BIDE__EACH_FILLED(m, end, M, (NONE, ~), __VA_ARGS__)

#define BIDE__EACH_FILLED(m, end, M, F, ...)                                  \
    BIDE__EACH_64(m, end, M, __VA_ARGS__, F, F, F, F, F, F, F, F, F, F, F, F, \
    F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F,   \
    F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F,   \
    F, F, F, F, ~)

#define BIDE__EACH_64(m, end, M, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10,     \
    f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23, f24,     \
    f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38,     \
    f39, f40, f41, f42, f43, f44, f45, f46, f47, f48, f49, f50, f51, f52,     \
    f53, f54, f55, f56, f57, f58, f59, f60, f61, f62, f63, f64, more, ...)    \
    m(M, f1) m(M, f2) m(M, f3) m(M, f4) m(M, f5) m(M, f6) m(M, f7) m(M, f8)   \
    m(M, f9) m(M, f10) m(M, f11) m(M, f12) m(M, f13) m(M, f14) m(M, f15)      \
    m(M, f16) m(M, f17) m(M, f18) m(M, f19) m(M, f20) m(M, f21) m(M, f22)     \
    m(M, f23) m(M, f24) m(M, f25) m(M, f26) m(M, f27) m(M, f28) m(M, f29)     \
    m(M, f30) m(M, f31) m(M, f32) m(M, f33) m(M, f34) m(M, f35) m(M, f36)     \
    m(M, f37) m(M, f38) m(M, f39) m(M, f40) m(M, f41) m(M, f42) m(M, f43)     \
    m(M, f44) m(M, f45) m(M, f46) m(M, f47) m(M, f48) m(M, f49) m(M, f50)     \
    m(M, f51) m(M, f52) m(M, f53) m(M, f54) m(M, f55) m(M, f56) m(M, f57)     \
    m(M, f58) m(M, f59) m(M, f60) m(M, f61) m(M, f62) m(M, f63) m(M, f64)     \
    end(more)

#define BIDE__NOTHING(...)
#define BIDE__UNWRAP(...) __VA_ARGS__
#define BIDE__CALL(macro, ...) macro(__VA_ARGS__)
#define BIDE__APPLY(macro, ...) macro(__VA_ARGS__)
#define BIDE__PASTE(a, b) BIDE__PASTE_(a, b)
#define BIDE__PASTE_(a, b) a##b
#define BIDE__SECOND(...) BIDE__SECOND_(__VA_ARGS__)
#define BIDE__SECOND_(a, b, ...) b
#define BIDE__IS_TUPLE(...) , TUPLE

/*
 * list(i64) becomes LIST, i64 and what is no such word becomes PLAIN, i64: the
 * word is pasted to BIDE__SHAPE_, and if that makes a macro, what it expands
 * to moves the fallback out of its place.
 */
#define BIDE__SHAPE(probe, type) BIDE__PICK(probe, PLAIN, type, ~)
#define BIDE__PICK(...) BIDE__PICK_(__VA_ARGS__)
#define BIDE__PICK_(probe, shape, type, ...) shape, type
#define BIDE__SHAPE_list(type) , LIST, type
#define BIDE__SHAPE_optional(type)                                            \
    , BIDE__PICK(BIDE__OPTIONAL_##type, OPTIONAL, type, ~)
#define BIDE__OPTIONAL_list(type) , OPTIONAL_LIST, type

/* The members of the struct. */
#define BIDE__MEMBER(M, item) BIDE__MEMBER_ item
#define BIDE__MEMBER_(kind, ...) BIDE__MEMBER_##kind(__VA_ARGS__)
#define BIDE__MEMBER_NONE(...)
#define BIDE__MEMBER_OPTIONS(...)
#define BIDE__MEMBER_PLAIN(type, in, name, ...) bide_type_##type name;
#define BIDE__MEMBER_OPTIONAL(type, in, name, ...)                            \
    bide_type_##type name;                                                    \
    bool has_##name;
#define BIDE__MEMBER_LIST(type, in, name, ...)                                \
    bide_type_##type *name;                                                   \
    size_t n_##name;
#define BIDE__MEMBER_OPTIONAL_LIST(type, in, name, ...)                       \
    bide_type_##type *name;                                                   \
    size_t n_##name;                                                          \
    bool has_##name;
#define BIDE__MEMBER_DEP(type, in, name, ...) type *name;

/* A 65th item. */
#define BIDE__NO_MORE(item) BIDE__NO_MORE_ item
#define BIDE__NO_MORE_(kind, ...) BIDE__NO_MORE_##kind
#define BIDE__NO_MORE_NONE
#define BIDE__NO_MORE_PLAIN                                                   \
    _Static_assert(0, "a BIDE_MODEL has at most 64 fields");
#define BIDE__NO_MORE_OPTIONAL BIDE__NO_MORE_PLAIN
#define BIDE__NO_MORE_LIST BIDE__NO_MORE_PLAIN
#define BIDE__NO_MORE_OPTIONAL_LIST BIDE__NO_MORE_PLAIN
#define BIDE__NO_MORE_DEP BIDE__NO_MORE_PLAIN
#define BIDE__NO_MORE_OPTIONS BIDE__NO_MORE_PLAIN

/* The fields of the description. */
#define BIDE__ENTRY(M, item)                                                  \
    BIDE__CALL(BIDE__ENTRY_, M, BIDE__UNWRAP item)
#define BIDE__ENTRY_(M, kind, ...) BIDE__ENTRY_##kind(M, __VA_ARGS__)
#define BIDE__ENTRY_NONE(...)
#define BIDE__ENTRY_OPTIONS(...)
#define BIDE__ENTRY_PLAIN(M, type, place, member_, ...)                       \
    {                                                                         \
        .shape = BIDE_SHAPE_PLAIN,                                            \
        .model = &bide_model_##type,                                          \
        BIDE__ENTRY_MEMBER(M, place, member_) __VA_ARGS__                     \
    },
#define BIDE__ENTRY_OPTIONAL(M, type, place, member_, ...)                    \
    {                                                                         \
        .shape = BIDE_SHAPE_OPTIONAL,                                         \
        .has_offset = offsetof(M, has_##member_),                             \
        .model = &bide_model_##type,                                          \
        BIDE__ENTRY_MEMBER(M, place, member_) __VA_ARGS__                     \
    },
#define BIDE__ENTRY_LIST(M, type, place, member_, ...)                        \
    {                                                                         \
        .shape = BIDE_SHAPE_LIST,                                             \
        .count_offset = offsetof(M, n_##member_),                             \
        .model = &bide_model_##type,                                          \
        BIDE__ENTRY_MEMBER(M, place, member_) __VA_ARGS__                     \
    },
#define BIDE__ENTRY_OPTIONAL_LIST(M, type, place, member_, ...)               \
    {                                                                         \
        .shape = BIDE_SHAPE_OPTIONAL_LIST,                                    \
        .has_offset = offsetof(M, has_##member_),                             \
        .count_offset = offsetof(M, n_##member_),                             \
        .model = &bide_model_##type,                                          \
        BIDE__ENTRY_MEMBER(M, place, member_) __VA_ARGS__                     \
    },
#define BIDE__ENTRY_DEP(M, type, place, member_, ...)                         \
    {                                                                         \
        .shape = BIDE_SHAPE_DEP,                                              \
        .type_name = #type,                                                   \
        BIDE__ENTRY_MEMBER(M, place, member_) __VA_ARGS__                     \
    },
#define BIDE__ENTRY_MEMBER(M, place, member_)                                 \
    .member = #member_, .offset = offsetof(M, member_), .in = place,          \
    .gt = __builtin_nan(""), .ge = __builtin_nan(""),                         \
    .lt = __builtin_nan(""), .le = __builtin_nan(""),

/* The options of the model. */
#define BIDE__OPTION(M, item) BIDE__OPTION_ item
#define BIDE__OPTION_(kind, ...) BIDE__OPTION_##kind(__VA_ARGS__)
#define BIDE__OPTION_NONE(...)
#define BIDE__OPTION_OPTIONS(...) __VA_ARGS__
#define BIDE__OPTION_PLAIN(...)
#define BIDE__OPTION_OPTIONAL(...)
#define BIDE__OPTION_LIST(...)
#define BIDE__OPTION_OPTIONAL_LIST(...)
#define BIDE__OPTION_DEP(...)

/* The constants and texts of an enum: an item is a word or a tuple. */
#define BIDE__SORT(macro, item)                                               \
    BIDE__PASTE(macro, BIDE__SECOND(BIDE__IS_TUPLE item, PLAIN, ~))
#define BIDE__CONSTANT(M, item)                                               \
    BIDE__CALL(BIDE__SORT(BIDE__CONSTANT_, item), M, item)
#define BIDE__CONSTANT_PLAIN(M, name) M##_##name,
#define BIDE__CONSTANT_TUPLE(M, item)                                         \
    BIDE__APPLY(BIDE__CONSTANT_OF, M, BIDE__UNWRAP item)
#define BIDE__CONSTANT_OF(M, kind, ...) BIDE__CONSTANT_##kind(M, __VA_ARGS__)
#define BIDE__CONSTANT_NONE(...)
#define BIDE__CONSTANT_VALUE(M, name, text) M##_##name,

#define BIDE__TEXT(M, item)                                                   \
    BIDE__CALL(BIDE__SORT(BIDE__TEXT_, item), M, item)
#define BIDE__TEXT_PLAIN(M, name) #name,
#define BIDE__TEXT_TUPLE(M, item)                                             \
    BIDE__APPLY(BIDE__TEXT_OF, M, BIDE__UNWRAP item)
#define BIDE__TEXT_OF(M, kind, ...) BIDE__TEXT_##kind(M, __VA_ARGS__)
#define BIDE__TEXT_NONE(...)
#define BIDE__TEXT_VALUE(M, name, text) text,

#define BIDE__NO_MORE_VALUES(item) BIDE__SORT(BIDE__NO_MORE_VALUES_, item)
#define BIDE__NO_MORE_VALUES_TUPLE
#define BIDE__NO_MORE_VALUES_PLAIN a BIDE_ENUM has at most 64 values

/*
 * A limit of zero must differ from none, so entries begin with NaN as their
 * limits; a user's option overrides it, of which compilers warn elsewhere.
 */
#if defined(__clang__)
#define BIDE__QUIET                                                           \
    _Pragma("clang diagnostic push")                                          \
    _Pragma("clang diagnostic ignored \"-Winitializer-overrides\"")
#define BIDE__LOUD _Pragma("clang diagnostic pop")
#else
#define BIDE__QUIET                                                           \
    _Pragma("GCC diagnostic push")                                            \
    _Pragma("GCC diagnostic ignored \"-Woverride-init\"")
#define BIDE__LOUD _Pragma("GCC diagnostic pop")
#endif

#endif

#endif
