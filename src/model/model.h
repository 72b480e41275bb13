/* SPDX-License-Identifier: MIT */
/*
 * model.h — what the files of this library share.
 *
 * A description (bide_model) is constant. What is derived from it once — the
 * order of keys, patterns, an object with all defaults — is its plan, and all
 * work is done by plans: a nested model's is one pointer away.
 *
 * A value goes one of two ways. The decoder has a fast one for values that are
 * written as one would write them. Whatever else comes, a number in a string
 * or a mistake, goes through bide__convert(), which parameters and rows use as
 * well; so what is accepted, and what is said, is decided in one place.
 */
#ifndef BIDE_SRC_MODEL_MODEL_H
#define BIDE_SRC_MODEL_MODEL_H

#include <bide/error.h>
#include <bide/json.h>
#include <bide/model.h>

#include <math.h>

#define FIELDS_MAX 64   /* bits of a word */
#define SLOTS 128       /* of the table of names; a power of two */
#define NOT_A_FIELD 255
#define KEY_SLACK 16    /* keys are copied sixteen bytes at a time */
#define EXTRA_INDEX 1000 /* of an unknown key: behind the fields */
#define INPUT_MAX 1024   /* bytes of a fault's input */

/* ── Plans (plan.c) ───────────────────────────────────────────────────── */

struct bide__pattern;

/* A field, or one that stands for a value as a whole. */
struct bide__part {
    const bide_field *field;
    const bide_model *model;
    struct bide_plan *nested; /* of a model */
    const char *name;
    size_t name_len;
    uint64_t head;            /* the first eight bytes of name and quote */
    uint64_t head_mask;       /* those of them that count */
    size_t match_len;         /* of name and quote; SIZE_MAX: not read */
    int64_t least, most;      /* integers: the limits */
    const char *key;          /* "name": as it is written, with a comma; and
                                 KEY_SLACK bytes behind */
    size_t key_len;
    struct bide__pattern *pattern;
    size_t offset, has_offset, count_offset;
    size_t size;              /* of one value */
    size_t index;
    bide_kind kind;
    bide_shape shape;
    bool limited;             /* numbers: there are limits */
    bool stepped;             /* numbers: multiples alone */
    bool measured;            /* strings: lengths or a pattern */
    bool readable;            /* from inputs */
};

struct bide_plan {
    const bide_model *model;
    struct bide_plan *next;  /* while plans are made */
    struct bide__part *parts;
    size_t n_parts;
    uint64_t required;       /* a bit for each field that must be there */
    void *prototype;         /* an object with all defaults */
    bide_arena arena;        /* of all this */
    struct bide__part whole; /* the model as the value of nothing */
    uint8_t slots[SLOTS];    /* index + 1 of a part, 0: none */
};

/* The plan of a model, made at its first use; NULL with an error raised. */
struct bide_plan *bide__plan_of(const bide_model *model, int *ret_error);

/* The index of the part with this name, or NOT_A_FIELD. */
size_t bide__plan_find(const struct bide_plan *plan, const char *name,
                       size_t len);

/* ── Patterns (pattern.c) ─────────────────────────────────────────────── */

/* NULL with an error raised. */
struct bide__pattern *bide__pattern_new(const char *text, int *ret_error);
void bide__pattern_free(struct bide__pattern *pattern);

/* 1 or 0; -ENOMEM. */
int bide__pattern_finds(const struct bide__pattern *pattern, const char *text,
                        size_t len);

/* ── Faults (fault.c) ─────────────────────────────────────────────────── */

/* A step to where work is done; they lie on the stack. */
struct bide__step {
    const struct bide__step *above;
    const char *name; /* NULL: an index */
    size_t name_len;
    size_t index;
};

/* One piece of work on an input. */
struct bide__context {
    bide_arena *arena;
    bide_faults *faults;
    bide_fault *base;       /* the last fault from before */
    bide_faults own;        /* for callers that want the message alone */
    const struct bide__step *step;
    bool invalid;           /* a fault was found */
    const char *wrong;      /* it is no JSON, because of this */
    int error;              /* -ENOMEM */
};

/* What an input has in a place. */
enum bide__input_type {
    INPUT_NULL,
    INPUT_FALSE,
    INPUT_TRUE,
    INPUT_NUMBER,
    INPUT_STRING,
    INPUT_ARRAY,
    INPUT_OBJECT,
    INPUT_TEXT, /* a parameter's */
};

struct bide__input {
    enum bide__input_type type;
    const char *raw;  /* as JSON; of TEXT, the text itself */
    size_t raw_len;
    const char *text; /* of a string and TEXT: without escapes */
    size_t len;
};

/* Begin; `faults` may be NULL. */
void bide__context_begin(struct bide__context *context, bide_arena *arena,
                         bide_faults *faults);

/* End: 0, -ENOMEM, or -EINVAL with a message raised. */
int bide__context_end(struct bide__context *context);

/* Note a fault at the present step. `input` may be NULL for null; `ctx` is a
 * JSON object or NULL. */
void bide__fault(struct bide__context *context,
                 const struct bide__input *input, const char *type,
                 const char *ctx, const char *format, ...) BIDE_PRINTF(5, 6);

/* Forget the faults at and below the present step. */
void bide__faults_forget(struct bide__context *context);

/* Forget all faults since the beginning. */
void bide__faults_forget_all(struct bide__context *context);

/* ── Values (convert.c, limits.c) ─────────────────────────────────────── */

/* Put an input into a place of a part's type, or note why not. Not for models:
 * those are decoded. */
void bide__convert(struct bide__context *context,
                   const struct bide__part *part,
                   const struct bide__input *input, void *place);

/* Whether a value keeps the limits; else notes which it does not. */
bool bide__check_i64(struct bide__context *context,
                     const struct bide__part *part,
                     const struct bide__input *input, int64_t number);
bool bide__check_u64(struct bide__context *context,
                     const struct bide__part *part,
                     const struct bide__input *input, uint64_t number);
bool bide__check_f64(struct bide__context *context,
                     const struct bide__part *part,
                     const struct bide__input *input, double number);
bool bide__check_str(struct bide__context *context,
                     const struct bide__part *part,
                     const struct bide__input *input, const char *text,
                     size_t len);
bool bide__check_bytes(struct bide__context *context,
                       const struct bide__part *part,
                       const struct bide__input *input, size_t len);
bool bide__check_items(struct bide__context *context,
                       const struct bide__part *part,
                       const struct bide__input *input, size_t n);

/* The index of an enum's text, or -1. */
ssize_t bide__enum_find(const bide_model *model, const char *text,
                        size_t len);

/* ── Texts of values (number.c, moment.c) ─────────────────────────────── */

#define NUMBER_LEN 32 /* the longest that is written */

size_t bide__write_u64(char *out, uint64_t number);
size_t bide__write_i64(char *out, int64_t number);

/* A finite double, as "5.0" or "1e+16". */
size_t bide__write_f64(char *out, double number);

/* The double nearest to a number of JSON, whatever the locale. */
double bide__read_f64(const char *text, size_t len);

/* mantissa * 10^exponent into *ret if that is exact work; else false. */
bool bide__exact_f64(uint64_t mantissa, int exponent, double *ret);

#define MOMENT_LEN 40

/* "2024-01-02T03:04:05.5Z"; 0 outside the years 1 to 9999. */
size_t bide__write_moment(char *out, double seconds);

/* NULL, or what is wrong, in pydantic's words. */
const char *bide__read_moment(const char *text, size_t len, double *ret);

#define UUID_LEN 36
void bide__write_uuid(char *out, const bide_uuid *uuid);

/* false: `why`, of at least 100 bytes, says what is wrong. */
bool bide__read_uuid(const char *text, size_t len, bide_uuid *ret, char *why);

/* ── Strings (string.c, base64.c) ─────────────────────────────────────── */

bool bide__utf8_valid(const char *text, size_t len);
size_t bide__utf8_count(const char *text, size_t len);

/* The first byte of a string that is a quote, a backslash, a control
 * character or, with *ret_high, the end; bytes above 127 set *ret_high. */
const char *bide__string_end(const char *p, const char *end, bool *ret_high);

size_t bide__base64_len(size_t len);
void bide__base64_write(char *out, const void *data, size_t len);

/* The number of bytes that were put to `out`, of len * 3 / 4, or -1. */
ssize_t bide__base64_read(char *out, const char *text, size_t len);

/* ── Reading JSON (scan.c, decode.c, document.c) ──────────────────────── */

struct bide__decoder {
    const char *p;     /* where we are */
    const char *end;
    const char *begin;
    char *out;         /* where the next string goes */
    struct bide__context *context;
    unsigned depth;
    const char *wrong; /* not JSON: what, and where */
    const char *wrong_at;
};

/* Behind a text, for what is written sixteen bytes at a time. */
#define SLACK 32

/* Note what is not JSON; returns false. */
bool bide__wrong(struct bide__decoder *decoder, const char *at,
                 const char *what);

/* Pass a value of any kind by, and say what it was. */
bool bide__skip(struct bide__decoder *decoder, struct bide__input *ret);

/* Read a string behind its opening quote into `out`. */
bool bide__string(struct bide__decoder *decoder, const char **ret_text,
                  size_t *ret_len);

static inline void bide__spaces(struct bide__decoder *decoder)
{
    const char *p = decoder->p;
    while (p < decoder->end &&
           (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    decoder->p = p;
}

#define ALL_PARTS UINT64_MAX

/* Decode a member of an object, whatever its shape. */
bool bide__decode_part(struct bide__decoder *decoder,
                       const struct bide__part *part, void *object);

/* Decode an object, at its brace. `wanted` has a bit for each part that may be
 * set; if these are not all, the object keeps what it has. */
bool bide__decode_object(struct bide__decoder *decoder,
                         const struct bide_plan *plan, uint64_t wanted,
                         void *object);

/* Note the faults of fields that are not there. */
bool bide__note_missing(struct bide__decoder *decoder,
                        const struct bide_plan *plan, uint64_t missing,
                        const struct bide__input *input);

/* Decode a text into the member of an object that a part is for. */
void bide__decode_text(struct bide__context *context,
                       const struct bide__part *part, const char *text,
                       size_t len, void *object);

/* ── Writing JSON (writer.c, encode.c) ────────────────────────────────── */

/* More room, or NULL with the error set. */
char *bide__writer_grow(bide_json_writer *writer, size_t size);

/* Room for `size` bytes behind what is written, and a NUL; NULL with the error
 * set. */
static inline char *bide__writer_room(bide_json_writer *writer, size_t size)
{
    if (writer->error == 0 && writer->cap - writer->len > size)
        return writer->text + writer->len;
    return bide__writer_grow(writer, size);
}

/* What comes before a value: a comma. false: it may not come here. */
bool bide__writer_value(bide_json_writer *writer);

void bide__write_value(bide_json_writer *writer,
                       const struct bide__part *part, const void *place);
void bide__write_string(bide_json_writer *writer, const char *text,
                        size_t len);

/* ── Memory (arena.c) ─────────────────────────────────────────────────── */

/* Make what was allocated last larger, in its place if that goes. */
void *bide__arena_grow(bide_arena *arena, void *memory, size_t old_size,
                       size_t new_size);

/* ── Members ──────────────────────────────────────────────────────────── */

static inline void *bide__at(const void *object, size_t offset)
{
    return (char *)(uintptr_t)object + offset;
}

static inline bool bide__is_list(const struct bide__part *part)
{
    return part->shape == BIDE_SHAPE_LIST ||
        part->shape == BIDE_SHAPE_OPTIONAL_LIST;
}

static inline bool bide__is_optional(const struct bide__part *part)
{
    return part->shape == BIDE_SHAPE_OPTIONAL ||
        part->shape == BIDE_SHAPE_OPTIONAL_LIST;
}

#endif
