/* SPDX-License-Identifier: MIT */
/*
 * pattern.c — regular expressions, by PCRE2.
 *
 * A pattern is the program's, but its subject is anybody's: some patterns take
 * time that grows exponentially with a subject made for it. PCRE2 counts its
 * steps; a match that takes more than STEPS_MAX counts as none. The count, not
 * a length, is what bounds time, and what is too slow for it is refused.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <string.h>

#include "model/model.h"

#define STEPS_MAX 100000 /* some milliseconds */
#define HEAP_MAX_KIB 1024

struct bide__pattern {
    pcre2_general_context *memory;
    pcre2_match_context *limits;
    pcre2_code *code;
};

static void *allocate(PCRE2_SIZE size, void *data)
{
    (void)data;
    return bide_allocate(size);
}

static void release(void *memory, void *data)
{
    (void)data;
    bide_release(memory);
}

void bide__pattern_free(struct bide__pattern *pattern)
{
    if (pattern == NULL)
        return;
    pcre2_code_free(pattern->code);
    pcre2_match_context_free(pattern->limits);
    pcre2_general_context_free(pattern->memory);
    bide_release(pattern);
}

struct bide__pattern *bide__pattern_new(const char *text, int *ret_error)
{
    struct bide__pattern *pattern = bide_allocate(sizeof *pattern);
    if (pattern == NULL) {
        *ret_error = -ENOMEM;
        return NULL;
    }
    memset(pattern, 0, sizeof *pattern);
    int code = PCRE2_ERROR_NOMEMORY;
    PCRE2_SIZE at = 0;
    pcre2_compile_context *compiling = NULL;
    pattern->memory = pcre2_general_context_create(allocate, release, NULL);
    if (pattern->memory != NULL) {
        pattern->limits = pcre2_match_context_create(pattern->memory);
        compiling = pcre2_compile_context_create(pattern->memory);
    }
    if (pattern->limits != NULL && compiling != NULL) {
        pcre2_set_match_limit(pattern->limits, STEPS_MAX);
        pcre2_set_depth_limit(pattern->limits, STEPS_MAX);
        pcre2_set_heap_limit(pattern->limits, HEAP_MAX_KIB);
        pattern->code = pcre2_compile(
            (PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
            PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY |
                PCRE2_NEVER_BACKSLASH_C,
            &code, &at, compiling);
    }
    pcre2_compile_context_free(compiling);
    if (pattern->code != NULL)
        return pattern;
    bide__pattern_free(pattern);
    if (code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_HEAP_FAILED) {
        *ret_error = -ENOMEM;
        return NULL;
    }
    char why[120];
    pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
    *ret_error = bide_raise(-EINVAL, "pattern '%s', at %zu: %s", text,
                            (size_t)at, why);
    return NULL;
}

int bide__pattern_finds(const struct bide__pattern *pattern, const char *text,
                        size_t len)
{
    pcre2_match_data *data = pcre2_match_data_create(1, pattern->memory);
    if (data == NULL)
        return -ENOMEM;
    int found = pcre2_match(pattern->code, (PCRE2_SPTR)text, len, 0,
                            PCRE2_NO_UTF_CHECK, data, pattern->limits);
    pcre2_match_data_free(data);
    return found == PCRE2_ERROR_NOMEMORY ? -ENOMEM : found >= 0;
}
