/* SPDX-License-Identifier: MIT */
/*
 * <bide/model.h> — structs that are described once: what is valid for them,
 * what was wrong with an input, and their parameters, rows and schemas. Link
 * with libbide-model (pkg-config bide-model).
 *
 *     BIDE_MODEL(Search,
 *         BIDE_QUERY(str, q, .min_len = 3),
 *         BIDE_QUERY(i64, limit, .def = "10", .ge = 1, .le = 100));
 *
 * <bide/describe.h>, which this header includes, says what can stand there;
 * <bide/json.h> reads and writes such structs as JSON.
 *
 * What comes from outside is checked as a whole: every fault of it is found,
 * not the first alone, and described as pydantic and FastAPI describe it, with
 * their types and messages. A value is taken in the forms that pydantic takes
 * in its lax mode: "5" for a number, 5.0 for an integer, "yes" for a bool.
 *
 * What a struct points to lies in the arena that was given with it. No
 * function of this header needs a loop.
 */
#ifndef BIDE_MODEL_H
#define BIDE_MODEL_H

#include <bide/arena.h>
#include <bide/value.h>

BIDE_BEGIN

typedef struct bide_model bide_model;
typedef struct bide_faults bide_faults;
typedef struct bide_json_writer bide_json_writer;

/* A function that provides a value to handlers; bide-web's. */
struct bide_dependency;

/* ── Descriptions ─────────────────────────────────────────────────────── */

typedef enum bide_kind {
    BIDE_KIND_BOOLEAN = 1,
    BIDE_KIND_I32 = 2,
    BIDE_KIND_I64 = 3,
    BIDE_KIND_U64 = 4,
    BIDE_KIND_F64 = 5,
    BIDE_KIND_STR = 6,
    BIDE_KIND_BYTES = 7,
    BIDE_KIND_TIME = 8,
    BIDE_KIND_UUID = 9,
    BIDE_KIND_JSON = 10,
    BIDE_KIND_ENUM = 11,
    BIDE_KIND_MODEL = 12,
    BIDE_KIND_OPAQUE = 13 /* left alone here: another library sets it */
} bide_kind;

/* How many of a type a field holds. */
typedef enum bide_shape {
    BIDE_SHAPE_PLAIN = 0,
    BIDE_SHAPE_OPTIONAL = 1,      /* has_name says whether there is one */
    BIDE_SHAPE_LIST = 2,          /* n_name of them */
    BIDE_SHAPE_OPTIONAL_LIST = 3,
    BIDE_SHAPE_DEP = 4            /* a pointer to what a dependency gives */
} bide_shape;

/* Where the input of an endpoint has a field from. */
typedef enum bide_in {
    BIDE_IN_DOCUMENT = 0, /* no input of an endpoint: a member of a document */
    BIDE_IN_PATH = 1,
    BIDE_IN_QUERY = 2,
    BIDE_IN_HEADER = 3,
    BIDE_IN_COOKIE = 4,
    BIDE_IN_FORM = 5,
    BIDE_IN_BODY = 6,
    BIDE_IN_DEP = 7
} bide_in;

/* One field of a model. BIDE_FIELD and its like make them. */
typedef struct bide_field {
    const char *member;      /* its name in C */
    const bide_model *model; /* its type; of what a list has. NULL: a DEP */
    const char *type_name;   /* of a DEP: the C type it points to */
    size_t offset;           /* of the member in the struct */
    size_t has_offset;       /* of has_name, 0 without */
    size_t count_offset;     /* of n_name, 0 without */
    bide_shape shape;
    bide_in in;

    /* From here on the user's: options of BIDE_FIELD. */
    const char *name;    /* outside of C, NULL: that of the member. Headers
                            then have hyphens for underscores */
    const char *column;  /* in rows, NULL: that of the member */
    const char *def;     /* what an absent field gets: the text of a scalar,
                            JSON for lists and models. NULL: none */
    double gt, ge, lt, le; /* of numbers: greater than, greater or equal...;
                            NaN: no limit */
    double multiple_of;  /* of numbers, 0: any */
    size_t min_len;      /* of str in characters, of bytes in bytes */
    size_t max_len;      /* 0: any */
    const char *pattern; /* of str: a regular expression (PCRE2's), which must
                            be found in it. NULL: any */
    size_t min_items;    /* of lists */
    size_t max_items;    /* 0: any */
    bool strict;         /* no number from a string, and the like */
    bool read_only;      /* not taken from inputs, where its key is unknown */
    bool write_only;     /* not written, such as a password */
    bool embed;          /* of a BODY: it is a key of the body's object, not
                            the body itself, even if it is the only one */
    bool hidden;         /* left out of the schema */
    bool deprecated;     /* said in the schema */
    const char *title;   /* for the schema, NULL: made of the name */
    const char *doc;     /* for the schema, NULL: none */
    const char *example; /* for the schema, as `def`, NULL: none */
    const char *format;  /* for the schema: "email"; checked by nobody */
    const struct bide_dependency *provider; /* of a DEP */
} bide_field;

/* A type: of this library, or made by BIDE_MODEL and BIDE_ENUM. */
struct bide_model {
    const char *name;
    bide_kind kind;
    size_t size;              /* in C */
    const bide_field *fields; /* of a model, n_fields */
    size_t n_fields;
    const char *const *names; /* of an enum, n_names: the texts of 0, 1, ... */
    size_t n_names;
    struct bide_plan **plan;  /* where the library keeps what it derived */

    /* From here on the user's: options of BIDE_OPTIONS. */
    const char *title; /* for the schema, NULL: the name */
    const char *doc;   /* for the schema, NULL: none */
    bool closed;       /* unknown keys are faults; else they are ignored */
    bool omit_absent;  /* an optional that is absent is not written; else it
                          is written as null */
};

/*
 * bide_model_prepare — check a description and derive what its use needs.
 *
 * The first use of a model does this by itself. Called at the start of a
 * program, it tells of mistakes then.
 *
 * Returns:  0 or a negative code.
 *   model   with all that it refers to
 * Suspends: never; no function of this header does.
 * Errors:   -EINVAL with a message that names the field: a name twice, a
 *           pattern that is none, a default that is not valid, an option that
 *           does not fit the type; -ENOMEM
 * Owns:     the library keeps what it derived until the program ends.
 * Thread:   any.
 */
BIDE_API BIDE_NODISCARD int bide_model_prepare(const bide_model *model);

/*
 * bide_field_name — what a field is called outside of C.
 *
 * Returns:  its name: the option `name`, else the member's; of a header, with
 *           hyphens for underscores. Borrowed, valid for ever. NULL if
 *           bide_model_prepare() fails.
 *   index   of the field in the model, from 0
 * Thread:   any.
 */
BIDE_API const char *bide_field_name(const bide_model *model, size_t index);

/*
 * bide_model_init — make an object whose fields have their defaults.
 *
 * Fields without a default are zero; optional ones are absent.
 *
 * Returns:  0 or a negative code.
 *   ret_object   of the model's size; need not be set
 * Errors:   as bide_model_prepare()
 * Owns:     what the defaults point to is the library's, for ever; it is not
 *           to be changed.
 * Thread:   any.
 */
BIDE_API BIDE_NODISCARD int bide_model_init(const bide_model *model,
                                            void *ret_object);

/*
 * bide_model_check — whether an object that the program made is valid.
 *
 * Returns:  0, or -EINVAL with the faults.
 *   arena    for the faults
 *   faults   as bide_json_decode() has them; NULL: the message alone
 * Errors:   -EINVAL, -ENOMEM
 * Thread:   any.
 * Like:     pydantic's Model.model_validate with from_attributes.
 */
BIDE_API BIDE_NODISCARD int
bide_model_check(const bide_model *model, const void *object,
                 bide_arena *arena, bide_faults *faults);

/* ── What was wrong ───────────────────────────────────────────────────── */

/* A step to the place of a fault. */
typedef struct bide_place {
    const char *name; /* of a field, or NULL */
    size_t index;     /* in a list; with a name, the field's in its model */
} bide_place;

/* One fault, in the words of pydantic. All of it lies in an arena, or is
 * static. */
typedef struct bide_fault {
    struct bide_fault *next;
    const char *type;      /* "greater_than" */
    const char *msg;       /* "Input should be greater than 0" */
    const char *input;     /* the offending value as JSON; NULL: too long, or
                              not known */
    const char *ctx;       /* a JSON object: {"gt":0.0}, or NULL */
    const bide_place *loc; /* "body", "items", 2, "price" */
    size_t n_loc;
} bide_fault;

/* Faults of an input, in the order of the fields. Zeroed means: none, and the
 * defaults. */
struct bide_faults {
    bide_fault *first;
    size_t count;             /* of those in the list */
    size_t max;               /* others are not kept; 0: 100 */
    const bide_place *within; /* what the places of faults begin with, as
                                 {"body"}; n_within of them */
    size_t n_within;
};

/*
 * bide_faults_add — add a fault that the program found.
 *
 * Returns:  0 or -ENOMEM. Beyond `max` nothing is added, and 0 is returned.
 *   fault   copied with all that it points to; `next` is ignored, and `loc`
 *           is taken as it is
 * Thread:   one at a time.
 */
BIDE_API BIDE_NODISCARD int bide_faults_add(bide_faults *faults,
                                            bide_arena *arena,
                                            const bide_fault *fault);

/*
 * bide_faults_write — write faults as FastAPI has them in "detail": an array
 * of {"type": ..., "loc": [...], "msg": ..., "input": ..., "ctx": ...}.
 *
 * Thread:   one at a time.
 */
BIDE_API void bide_faults_write(bide_json_writer *writer,
                                const bide_faults *faults);

/* ── Parameters ───────────────────────────────────────────────────────── */

/* For a bide_lookup: the last of a name, whichever that is. */
#define BIDE_NTH_LAST SIZE_MAX

/*
 * The text of a parameter of a request.
 *
 *   arg     as it was given
 *   in      PATH, QUERY, HEADER, COOKIE or FORM
 *   name    as bide_field_name() has it
 *   nth     for a list 0, 1, and so on; else BIDE_NTH_LAST
 *   ret     set if there is one: its bytes, which need no NUL and must stay
 *           until bide_model_from_texts() returns
 *
 * Returns whether there is one.
 */
typedef bool bide_lookup(void *arg, bide_in in, const char *name, size_t nth,
                         bide_bytes *ret);

/*
 * bide_model_from_texts — set those fields of an object that come from one
 * place of a request.
 *
 * The others are not touched: call it once for each place, on an object from
 * bide_model_init(). Faults have that place first in their loc: "query", "q";
 * those of a FORM have "body".
 *
 * Returns:  0, or -EINVAL with the faults.
 *   in       the fields of this place
 *   lookup   called for each, with `arg`
 *   object   what the texts are put into
 *   arena    for what it points to, and for faults
 *   faults   added to; NULL: the message alone
 * Errors:   -EINVAL, -ENOMEM; those of bide_model_prepare()
 * Thread:   any.
 * Like:     the parameters of a path operation in FastAPI.
 */
BIDE_API BIDE_NODISCARD int
bide_model_from_texts(const bide_model *model, bide_in in, bide_lookup *lookup,
                      void *arg, void *object, bide_arena *arena,
                      bide_faults *faults);

/*
 * bide_model_from_body — set those fields of an object that come from the body
 * of a request, which is JSON.
 *
 * If there is one, it is the body, unless it says `embed`; else the body is an
 * object that has them as its keys. Faults have "body" first in their loc.
 *
 * Returns:  0, or -EINVAL with the faults.
 *   text, len   the body; of no bytes, it is missing
 *   object      from bide_model_init(); its other fields are not touched
 *   arena       for what it points to, and for faults
 *   faults      added to; NULL: the message alone
 * Errors:   -EINVAL, -ENOMEM; those of bide_model_prepare()
 * Thread:   any.
 * Like:     Body() in FastAPI.
 */
BIDE_API BIDE_NODISCARD int
bide_model_from_body(const bide_model *model, const char *text, size_t len,
                     void *object, bide_arena *arena, bide_faults *faults);

/* ── Rows ─────────────────────────────────────────────────────────────── */

/*
 * bide_model_column — which field a column belongs to.
 *
 * Returns:  the index of the field, or -ENOENT.
 *   name, len   compared with the option `column`, else the member's name
 * Thread:   any.
 */
BIDE_API BIDE_NODISCARD ssize_t bide_model_column(const bide_model *model,
                                                  const char *name,
                                                  size_t len);

/*
 * bide_model_set — set a field from the value of a column.
 *
 * Values are converted where nothing is lost: an integer to a float, 0 and 1
 * to a bool, a text to a time, an enum, a uuid, a number; JSON to a model or a
 * list. Limits, lengths and patterns are not checked: what a database has is
 * what it has.
 *
 * Returns:  0 or a negative code.
 *   object   whose field is set
 *   index    of the field
 *   value    copied into the arena where it is a text or a blob; NULL makes
 *            an optional field absent
 *   arena    for what the field points to
 * Errors:   -EINVAL with a message that names the field: a type that cannot
 *           be converted, a number that the field's type does not hold, NULL
 *           for a field that must have a value; -ENOMEM
 * Thread:   any.
 */
BIDE_API BIDE_NODISCARD int bide_model_set(const bide_model *model,
                                           void *object, size_t index,
                                           const bide_value *value,
                                           bide_arena *arena);

/*
 * bide_model_get — the value of a field, to be bound to a parameter.
 *
 * Returns:  0 or a negative code.
 *   index       of the field
 *   arena       for the text of models and lists, which are written as JSON
 *   ret_value   borrowed from the object or the arena; an enum gives its text,
 *               an absent optional NULL
 * Errors:   -EINVAL, -ENOMEM
 * Thread:   any.
 */
BIDE_API BIDE_NODISCARD int bide_model_get(const bide_model *model,
                                           const void *object, size_t index,
                                           bide_arena *arena,
                                           bide_value *ret_value);

/* ── Schemas ──────────────────────────────────────────────────────────── */

/*
 * bide_model_schema — write the JSON Schema (2020-12, as OpenAPI 3.1 has it)
 * of a model. Others are referred to as "#/components/schemas/Name".
 *
 * Thread:   any.
 * Like:     pydantic's Model.model_json_schema.
 */
BIDE_API void bide_model_schema(bide_json_writer *writer,
                                const bide_model *model);

/*
 * bide_field_schema — write the schema of one field, such as a parameter's.
 *
 *   index   of the field
 * Thread:   any.
 */
BIDE_API void bide_field_schema(bide_json_writer *writer,
                                const bide_model *model, size_t index);

/*
 * bide_models_schemas — write an object of the schemas of models, and of all
 * that they refer to: what "components" has as "schemas".
 *
 * The input of an endpoint, whose fields are of places of a request, is not
 * itself in it: its fields' models are.
 *
 *   models, n   in their order; one that occurs twice is written once
 * Thread:   any.
 */
BIDE_API void bide_models_schemas(bide_json_writer *writer,
                                  const bide_model *const *models, size_t n);

BIDE_END

#include <bide/describe.h>

#endif
