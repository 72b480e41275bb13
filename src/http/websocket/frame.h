/* SPDX-License-Identifier: MIT */
/*
 * frame.h — the pure parts of WebSocket: frames, masks, UTF-8, the proof of a
 * handshake, the extension's parameters. No input or output, no connection.
 */
#ifndef BIDE_SRC_HTTP_WEBSOCKET_FRAME_H
#define BIDE_SRC_HTTP_WEBSOCKET_FRAME_H

#include <bide/base.h>

/* RFC 6455, 11.8. */
enum bide__opcode {
    BIDE__OP_CONTINUATION = 0,
    BIDE__OP_TEXT = 1,
    BIDE__OP_BINARY = 2,
    BIDE__OP_CLOSE = 8,
    BIDE__OP_PING = 9,
    BIDE__OP_PONG = 10
};

#define BIDE__FRAME_HEAD_MAX 14 /* bytes before the payload */
#define BIDE__CONTROL_MAX 125   /* bytes of a control frame's payload */

/* What precedes a payload. */
struct bide__frame {
    uint8_t opcode;
    bool fin;
    bool compressed; /* RSV1 */
    bool masked;
    unsigned char mask[4];
    uint64_t len; /* of the payload */
};

/* ── frame.c ──────────────────────────────────────────────────────────── */

/*
 * Parse a head. Returns its length; 0 if more than `len` bytes are needed; or
 * -EPROTO with a message for what RFC 6455 forbids in any frame. What has come
 * of a head is judged at once.
 */
int bide__frame_parse(const unsigned char *data, size_t len, bool compressing,
                      bool masked, struct bide__frame *ret_frame);

/* Write a head, and the mask if there is one. Returns its length. */
size_t bide__frame_make(const struct bide__frame *frame, unsigned char *out);

/* XOR a mask over data, whose first byte is number `at` of the payload; to
 * itself, or elsewhere. */
void bide__frame_mask(char *out, const char *data, size_t len,
                      const unsigned char mask[4], uint64_t at);

/* A mask that nobody can foresee. Returns 0 or a negative code. */
int bide__frame_new_mask(unsigned char ret_mask[4]);

/* Whether a Close may carry the code. */
bool bide__close_code_is_sound(unsigned code);

/* ── utf8.c ───────────────────────────────────────────────────────────── */

#define BIDE__UTF8_BEGIN 6u /* between two characters */
#define BIDE__UTF8_BAD 0u

/* Check more bytes. Returns the state after them: BAD for ever once a byte is
 * wrong, BEGIN where a text may end. */
unsigned bide__utf8_check(unsigned state, const char *data, size_t len);

/* ── proof.c ──────────────────────────────────────────────────────────── */

#define BIDE__KEY_LEN 24   /* 16 bytes in base64 */
#define BIDE__PROOF_LEN 28 /* 20 bytes */

/* The value of Sec-WebSocket-Accept for that of Sec-WebSocket-Key. */
void bide__websocket_proof(const char *key, char ret_proof[29]);

/* A new key. Returns 0 or a negative code. */
int bide__websocket_new_key(char ret_key[25]);

bool bide__websocket_is_key(const char *key);

/* ── extension.c ──────────────────────────────────────────────────────── */

/* permessage-deflate as it was agreed upon: RFC 7692, 7.1. */
struct bide__deflate_terms {
    bool agreed;
    bool server_forgets, client_forgets; /* no context takeover */
    int server_window, client_window;    /* bits, 8..15 */
};

/*
 * A server's choice among what a client offers in Sec-WebSocket-Extensions.
 * `ret_reply` gets the value of its own header.
 */
void bide__deflate_choose(const char *offers, int window, bool forget,
                          struct bide__deflate_terms *ret_terms,
                          char *ret_reply, size_t size);

/* A client's offer. */
void bide__deflate_offer(int window, bool forget, char *ret_offer,
                         size_t size);

/* What a server has made of it. Returns 0 or -EPROTO. */
int bide__deflate_accept(const char *reply, int window, bool forget,
                         struct bide__deflate_terms *ret_terms);

/* ── list.c ───────────────────────────────────────────────────────────── */

/* The elements of a header's list, without the spaces around them. Returns
 * whether there is one more. */
bool bide__list_next(const char **list, const char **ret_element,
                     size_t *ret_len);

/* Whether a list has an element, in any case of letters. */
bool bide__list_has(const char *list, const char *element);

#endif
