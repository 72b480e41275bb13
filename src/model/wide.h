/* SPDX-License-Identifier: MIT */
/*
 * wide.h — sixteen bytes of a string looked at at once, where the processor
 * can, which all of x86_64 and aarch64 do. WIDE is not defined elsewhere.
 *
 * Special are the bytes at which a string of JSON cannot just go on: quotes,
 * backslashes and control characters.
 */
#ifndef BIDE_SRC_MODEL_WIDE_H
#define BIDE_SRC_MODEL_WIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#define WIDE 16
typedef unsigned bide__bits;

/* A bit for each special byte of sixteen; whether any is above
 * 127: then *high is set. */
static inline bide__bits bide__look(const char *p, bool *high)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)),
                                 bytes);
    *high |= _mm_movemask_epi8(bytes) != 0;
    return (unsigned)_mm_movemask_epi8(
        _mm_or_si128(low, _mm_or_si128(quote, slash)));
}

static inline size_t bide__first_of(bide__bits bits)
{
    return (size_t)__builtin_ctz(bits);
}
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#define WIDE 16
typedef uint64_t bide__bits;

/* Four bits for each special byte. */
static inline bide__bits bide__look(const char *p, bool *high)
{
    uint8x16_t bytes = vld1q_u8((const uint8_t *)p);
    uint8x16_t special = vorrq_u8(
        vcltq_u8(bytes, vdupq_n_u8(0x20)),
        vorrq_u8(vceqq_u8(bytes, vdupq_n_u8('"')),
                 vceqq_u8(bytes, vdupq_n_u8('\\'))));
    *high |= vmaxvq_u8(bytes) > 127;
    return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(
                             vreinterpretq_u16_u8(special), 4)), 0);
}

static inline size_t bide__first_of(bide__bits bits)
{
    return (size_t)__builtin_ctzll(bits) / 4;
}
#endif

#endif
