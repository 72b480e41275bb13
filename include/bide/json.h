/* SPDX-License-Identifier: MIT */
/*
 * <bide/json.h> — JSON from and to structs, and a writer for the rest. Link
 * with libbide-model (pkg-config bide-model).
 *
 *     NewItem item;
 *     bide_arena arena = {0};
 *     rc = bide_json_decode(&bide_model_NewItem, text, len, &item, &arena,
 *                           NULL);
 *     if (rc < 0)
 *         fprintf(stderr, "%s\n", bide_errmsg(rc));
 *
 * The text goes straight into the struct, and back; there is no tree between.
 * A document is refused if it is not JSON to the letter (RFC 8259), not UTF-8,
 * deeper than BIDE_JSON_DEPTH_MAX, or has a key of the model twice. Keys that
 * the model does not know are passed by, unless it is closed.
 *
 * Documents without a model are made by a writer:
 *
 *     bide_json_writer writer = {0};
 *     bide_json_begin_object(&writer);
 *     bide_json_key(&writer, "origin");
 *     bide_json_string(&writer, address);
 *     bide_json_end_object(&writer);
 *     if (bide_json_finish(&writer) == 0)
 *         fwrite(writer.text, 1, writer.len, stdout);
 *     bide_json_free(&writer);
 *
 * No function of this header needs a loop.
 */
#ifndef BIDE_JSON_H
#define BIDE_JSON_H

#include <bide/model.h>

/* Of arrays and objects within each other. */
#define BIDE_JSON_DEPTH_MAX 64

BIDE_BEGIN

/* ── Reading ──────────────────────────────────────────────────────────── */

/*
 * bide_json_decode — read and check a document.
 *
 * Returns:  0, or a negative code with the faults.
 *   model        what the document should be; an object for a BIDE_MODEL
 *   text, len    the document, which need not outlive the call
 *   ret_object   of the model's size, filled as far as the document is valid;
 *                to be used only after 0
 *   arena        for what it points to, and for faults
 *   faults       added to; NULL: the message alone, which is the first one
 * Suspends: never; no function of this header does.
 * Errors:   -EINVAL: not JSON, or not valid, with a message such as
 *           "items.2.price: Input should be greater than 0"; -ENOMEM; those of
 *           bide_model_prepare()
 * Thread:   any; the arena and the faults one at a time.
 * Like:     pydantic's Model.model_validate_json.
 * Source:   RFC 8259.
 */
BIDE_API BIDE_NODISCARD int
bide_json_decode(const bide_model *model, const char *text, size_t len,
                 void *ret_object, bide_arena *arena, bide_faults *faults);

/*
 * bide_json_decode_list — read and check a document that is an array.
 *
 * Returns:  0, or a negative code with the faults, as bide_json_decode() does.
 *   model       of each element
 *   ret_items   set to a pointer to them, in the arena: the address of a
 *               `NewItem *`
 *   ret_n       their number
 * Thread:   any; the arena and the faults one at a time.
 */
BIDE_API BIDE_NODISCARD int
bide_json_decode_list(const bide_model *model, const char *text, size_t len,
                      void *ret_items, size_t *ret_n, bide_arena *arena,
                      bide_faults *faults);

/*
 * bide_json_check — whether a text is a JSON document.
 *
 * Returns:  0, or -EINVAL with a message that says where it is not.
 * Thread:   any.
 */
BIDE_API BIDE_NODISCARD int bide_json_check(const char *text, size_t len);

/*
 * bide_json_find — one value of a document that has no model.
 *
 * With what was found goes on who knows what it is:
 *
 *     rc = bide_json_find(text, len, "/items/0/price", &found);
 *     if (rc == 0)
 *         rc = bide_json_decode(&bide_model_f64, found.data, found.len,
 *                               &price, &arena, NULL);
 *
 * Returns:  0; -ENOENT if the document has no such value; -EINVAL with a
 *           message if the part of it that was looked through is not JSON, or
 *           the pointer is none; -ENOMEM.
 *   pointer     keys and indices, each behind a slash; in a key, ~1 is a slash
 *               and ~0 a tilde. "" is the document as a whole
 *   ret_found   the text of the value, within `text`
 * Thread:   any.
 * Source:   RFC 6901.
 */
BIDE_API BIDE_NODISCARD int bide_json_find(const char *text, size_t len,
                                           const char *pointer,
                                           bide_bytes *ret_found);

/* ── Writing ──────────────────────────────────────────────────────────── */

/*
 * Where a document is made. Zeroed means: empty, and the defaults.
 *
 * The functions below return nothing: the first error stays in the writer,
 * makes the others do nothing, and is what bide_json_finish() returns.
 */
struct bide_json_writer {
    char *text;       /* the document so far; not closed by a NUL before
                         bide_json_finish() */
    size_t len;       /* its bytes */
    size_t max;       /* of len; 0: 256 MiB */

    /* The library's. */
    size_t cap;
    int error;
    uint32_t depth;
    bool borrowed;    /* text is the caller's */
    bool comma;       /* before the next value */
    bool keyed;       /* the value of a key comes next */
    uint64_t objects; /* a bit for each level: whether it is an object */
};

/*
 * bide_json_begin_on — an empty writer that begins in memory of the caller's
 * and goes on in memory of its own when that is full.
 *
 * Suspends: never.
 * Thread:   one at a time.
 */
BIDE_API void bide_json_begin_on(bide_json_writer *ret_writer, void *memory,
                                 size_t size);

/*
 * bide_json_encode — write an object by its description.
 *
 * Numbers that are not finite are written as null.
 *
 * Thread:   one at a time.
 * Like:     pydantic's Model.model_dump_json.
 */
BIDE_API void bide_json_encode(bide_json_writer *writer,
                               const bide_model *model, const void *object);

/*
 * bide_json_encode_list — write an array of objects.
 *
 *   items, n   n of them, one behind the other
 * Thread:   one at a time.
 */
BIDE_API void bide_json_encode_list(bide_json_writer *writer,
                                    const bide_model *model, const void *items,
                                    size_t n);

/*
 * bide_json_begin_object — write "{"; keys and values follow.
 *
 * Thread:   one at a time.
 */
BIDE_API void bide_json_begin_object(bide_json_writer *writer);

/*
 * bide_json_end_object — write "}".
 *
 * Thread:   one at a time.
 */
BIDE_API void bide_json_end_object(bide_json_writer *writer);

/*
 * bide_json_begin_array — write "["; values follow.
 *
 * Thread:   one at a time.
 */
BIDE_API void bide_json_begin_array(bide_json_writer *writer);

/*
 * bide_json_end_array — write "]".
 *
 * Thread:   one at a time.
 */
BIDE_API void bide_json_end_array(bide_json_writer *writer);

/*
 * bide_json_key — write the key of the value that comes next.
 *
 * Thread:   one at a time.
 */
BIDE_API void bide_json_key(bide_json_writer *writer, const char *key);

/*
 * bide_json_string — write a string.
 *
 *   text   UTF-8; NULL writes null. Bytes that are not UTF-8 are written as
 *          U+FFFD
 * Thread:   one at a time.
 */
BIDE_API void bide_json_string(bide_json_writer *writer, const char *text);

/*
 * bide_json_string_len — write a string of len bytes, which may have NULs.
 *
 * Thread:   one at a time.
 */
BIDE_API void bide_json_string_len(bide_json_writer *writer, const char *text,
                                   size_t len);

/*
 * bide_json_integer — write an integer.
 *
 * Thread:   one at a time.
 */
BIDE_API void bide_json_integer(bide_json_writer *writer, int64_t number);

/*
 * bide_json_unsigned — write an integer that may be above INT64_MAX.
 *
 * Thread:   one at a time.
 */
BIDE_API void bide_json_unsigned(bide_json_writer *writer, uint64_t number);

/*
 * bide_json_number — write a number in its shortest form that is read back as
 * the same double; null if it is not finite.
 *
 * Thread:   one at a time.
 * Like:     json.dumps of a float: 5.0 is written as 5.0.
 */
BIDE_API void bide_json_number(bide_json_writer *writer, double number);

/*
 * bide_json_boolean — write true or false.
 *
 * Thread:   one at a time.
 */
BIDE_API void bide_json_boolean(bide_json_writer *writer, bool boolean);

/*
 * bide_json_null — write null.
 *
 * Thread:   one at a time.
 */
BIDE_API void bide_json_null(bide_json_writer *writer);

/*
 * bide_json_raw — write a value that is JSON already. It is not checked.
 *
 * Thread:   one at a time.
 */
BIDE_API void bide_json_raw(bide_json_writer *writer, const char *text,
                            size_t len);

/*
 * bide_json_finish — end a document.
 *
 * Returns:  0, or the first error: -ENOMEM, -EMSGSIZE: beyond `max`, -EINVAL:
 *           what was begun is not ended, a value without a key, and the like.
 *   writer   its text has a NUL behind it now
 * Thread:   one at a time.
 */
BIDE_API BIDE_NODISCARD int bide_json_finish(bide_json_writer *writer);

/*
 * bide_json_reset — begin a new document in the memory of the last.
 *
 * Thread:   one at a time.
 */
BIDE_API void bide_json_reset(bide_json_writer *writer);

/*
 * bide_json_free — give a writer's memory back; it is zeroed then.
 *
 *   writer   NULL is allowed
 * Thread:   one at a time.
 */
BIDE_API void bide_json_free(bide_json_writer *writer);

BIDE_END

#endif
