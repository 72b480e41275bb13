/* SPDX-License-Identifier: MIT */
/*
 * frame.c — heads of frames, and masks: RFC 6455, 5.2 and 5.3.
 */
#include "http/websocket/frame.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <bide/error.h>

/* ── Heads ────────────────────────────────────────────────────────────── */

static int check_opcode(unsigned opcode)
{
    if (opcode <= BIDE__OP_BINARY ||
        (opcode >= BIDE__OP_CLOSE && opcode <= BIDE__OP_PONG))
        return 0;
    return bide_raise(-EPROTO, "opcode %u is reserved", opcode);
}

static int check_first(const struct bide__frame *frame, unsigned reserved,
                       bool compressing)
{
    unsigned allowed = compressing ? 4 : 0;
    if (reserved & ~allowed)
        return bide_raise(-EPROTO, "reserved bits are %u, must be 0",
                          reserved);
    if (frame->compressed && frame->opcode != BIDE__OP_TEXT &&
        frame->opcode != BIDE__OP_BINARY)
        return bide_raise(-EPROTO,
                          "a frame of opcode %u says that it is compressed",
                          frame->opcode);
    if (frame->opcode >= BIDE__OP_CLOSE && !frame->fin)
        return bide_raise(-EPROTO, "a control frame is fragmented");
    return check_opcode(frame->opcode);
}

static int check_second(const struct bide__frame *frame, unsigned size,
                        bool masked)
{
    if (frame->masked != masked)
        return bide_raise(-EPROTO, masked ? "a client's frame has no mask"
                                          : "a server's frame has a mask");
    if (frame->opcode >= BIDE__OP_CLOSE && size > BIDE__CONTROL_MAX)
        return bide_raise(-EPROTO,
                          "a control frame is longer than %d bytes",
                          BIDE__CONTROL_MAX);
    return 0;
}

static uint64_t read_number(const unsigned char *data, size_t len)
{
    uint64_t number = 0;
    for (size_t i = 0; i < len; i++)
        number = number << 8 | data[i];
    return number;
}

/* The length in 2 or 8 bytes; a shorter form must not have sufficed. */
static int read_long_len(const unsigned char *data, size_t size,
                         uint64_t *ret_len)
{
    *ret_len = read_number(data, size);
    if (*ret_len < 126 || (size == 8 && *ret_len <= 0xffff))
        return bide_raise(-EPROTO,
                          "a length of %llu is written in %zu bytes",
                          (unsigned long long)*ret_len, size);
    if (*ret_len >> 63)
        return bide_raise(-EPROTO, "a length has its highest bit set");
    return 0;
}

int bide__frame_parse(const unsigned char *data, size_t len, bool compressing,
                      bool masked, struct bide__frame *ret_frame)
{
    struct bide__frame frame = {.opcode = 0};
    if (len < 1)
        return 0;
    frame.opcode = data[0] & 15;
    frame.fin = data[0] >> 7;
    frame.compressed = data[0] >> 6 & 1;
    int rc = check_first(&frame, data[0] >> 4 & 7, compressing);
    if (rc < 0 || len < 2)
        return rc;
    unsigned size = data[1] & 127;
    frame.masked = data[1] >> 7;
    rc = check_second(&frame, size, masked);
    if (rc < 0)
        return rc;
    size_t more = size < 126 ? 0 : size == 126 ? 2 : 8;
    size_t head = 2 + more + (masked ? 4 : 0);
    if (len < head)
        return 0;
    frame.len = size;
    if (more > 0)
        rc = read_long_len(data + 2, more, &frame.len);
    if (masked)
        memcpy(frame.mask, data + 2 + more, 4);
    *ret_frame = frame;
    return rc < 0 ? rc : (int)head;
}

size_t bide__frame_make(const struct bide__frame *frame, unsigned char *out)
{
    size_t at = 2;
    out[0] = (unsigned char)(frame->fin << 7 | frame->compressed << 6 |
                             frame->opcode);
    unsigned char masked = (unsigned char)(frame->masked << 7);
    size_t more = frame->len < 126 ? 0 : frame->len <= 0xffff ? 2 : 8;
    if (more == 0)
        out[1] = (unsigned char)(masked | frame->len);
    else
        out[1] = masked | (more == 2 ? 126 : 127);
    for (size_t i = more; i > 0; i--)
        out[at++] = (unsigned char)(frame->len >> (8 * (i - 1)));
    if (frame->masked) {
        memcpy(out + at, frame->mask, 4);
        at += 4;
    }
    return at;
}

/* ── Masks ────────────────────────────────────────────────────────────── */

/* Words of eight bytes, four at a time, which compilers turn into vectors;
 * the mask is turned so that it begins with the data. */
void bide__frame_mask(char *out, const char *data, size_t len,
                      const unsigned char mask[4], uint64_t at)
{
    unsigned char turned[8];
    uint64_t word, block[4];
    for (unsigned i = 0; i < 8; i++)
        turned[i] = mask[(at + i) & 3];
    memcpy(&word, turned, 8);
    for (; len >= 32; len -= 32, data += 32, out += 32) {
        memcpy(block, data, 32);
        for (unsigned i = 0; i < 4; i++)
            block[i] ^= word;
        memcpy(out, block, 32);
    }
    for (; len >= 8; len -= 8, data += 8, out += 8) {
        memcpy(block, data, 8);
        block[0] ^= word;
        memcpy(out, block, 8);
    }
    for (size_t i = 0; i < len; i++)
        out[i] = (char)(data[i] ^ turned[i]);
}

/* The system is asked for many at once, in each thread. */
int bide__frame_new_mask(unsigned char ret_mask[4])
{
    static _Thread_local unsigned char pool[256];
    static _Thread_local size_t left;
    if (left == 0) {
        ssize_t n = getrandom(pool, sizeof pool, 0);
        if (n != (ssize_t)sizeof pool)
            return n < 0 ? -errno : -EIO;
        left = sizeof pool;
    }
    left -= 4;
    memcpy(ret_mask, pool + left, 4);
    return 0;
}

/* ── Codes of a Close ─────────────────────────────────────────────────── */

/* RFC 6455, 7.4, and the registry of IANA. */
bool bide__close_code_is_sound(unsigned code)
{
    if (code >= 3000)
        return code <= 4999;
    return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 &&
           code != 1006;
}
