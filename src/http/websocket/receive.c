/* SPDX-License-Identifier: MIT */
/*
 * receive.c — frames to messages, whole or in pieces.
 *
 * A call that is cancelled, or that finds no memory, can be made again: all
 * it has got is in the connection. A small message in one frame is unmasked
 * and checked where it lies; others are gathered in `message`, and the bytes
 * of long frames come there, or to the reader's memory, from the stream.
 *
 * Text is checked as it arrives, so that a peer is refused by the first byte
 * that is wrong.
 */
#include <errno.h>
#include <string.h>

#include "http/websocket/websocket.h"

#define DIRECT 1024 /* bytes of a frame that are worth a read of their own */
#define PIECE 2048  /* bytes that are decompressed at first */

static size_t smaller(uint64_t a, size_t b)
{
    return a < b ? (size_t)a : b;
}

static int violate(bide_websocket *ws, const char *what)
{
    return bide__websocket_fail(ws, bide_raise(-EPROTO, "%s", what), 1002);
}

/* ── Frames ───────────────────────────────────────────────────────────── */

/* Parse the head at the beginning of `in`. Returns its length. */
static int parse_head(bide_websocket *ws, struct bide__frame *ret_frame)
{
    for (;;) {
        size_t have = ws->end - ws->begin;
        int n = bide__frame_parse((unsigned char *)ws->in + ws->begin, have,
                                  ws->terms.agreed, !ws->client, ret_frame);
        if (n > 0)
            return n;
        if (n < 0)
            return bide__websocket_fail(ws, n, 1002);
        n = bide__websocket_need(ws, have + 1);
        if (n < 0)
            return n;
    }
}

static int begin_frame(bide_websocket *ws, const struct bide__frame *frame)
{
    bool first = frame->opcode != BIDE__OP_CONTINUATION;
    if (first && ws->in_message)
        return violate(ws, "a message begins within another one");
    if (!first && !ws->in_message)
        return violate(ws, "a frame continues no message");
    if (first) {
        ws->in_message = true;
        ws->whole = false;
        ws->streamed = false;
        ws->packed = frame->compressed;
        ws->kind = (enum bide_websocket_kind)frame->opcode;
        ws->fragments = 0;
        ws->utf8 = BIDE__UTF8_BEGIN;
        ws->message_read = 0;
    }
    if (++ws->fragments > ws->options.fragments)
        return bide__websocket_fail(
            ws,
            bide_raise(-EMSGSIZE, "a message has more than %u frames",
                       ws->options.fragments),
            1009);
    ws->frame = *frame;
    ws->left = frame->len;
    ws->plain = 0;
    ws->in_frame = true;
    return 1;
}

/* Go to the next data frame. Returns 1, 0 if the peer has closed, or a
 * negative code. */
static int next_frame(bide_websocket *ws)
{
    for (;;) {
        struct bide__frame frame;
        int head = parse_head(ws, &frame);
        if (head < 0)
            return head;
        if (frame.opcode < BIDE__OP_CLOSE) {
            int rc = begin_frame(ws, &frame);
            if (rc > 0)
                ws->begin += (size_t)head;
            return rc;
        }
        int rc = bide__websocket_control(ws, &frame, (size_t)head);
        if (rc <= 0)
            return rc;
    }
}

/* ── Payload ──────────────────────────────────────────────────────────── */

static int check_text(bide_websocket *ws, const char *data, size_t len)
{
    if (ws->kind != BIDE_WEBSOCKET_TEXT)
        return 0;
    ws->utf8 = bide__utf8_check(ws->utf8, data, len);
    if (ws->utf8 == BIDE__UTF8_BAD)
        return bide__websocket_fail(
            ws, bide_raise(-EILSEQ, "a text is not UTF-8"), 1007);
    return 0;
}

static void unmask(bide_websocket *ws, char *data, size_t len, uint64_t at)
{
    if (ws->frame.masked)
        bide__frame_mask(data, data, len, ws->frame.mask, at);
}

/* Unmask and check what `in` has of the frame. */
static int clean(bide_websocket *ws)
{
    size_t have = smaller(ws->left, ws->end - ws->begin);
    if (have == ws->plain)
        return 0;
    char *data = ws->in + ws->begin + ws->plain;
    size_t len = have - ws->plain;
    unmask(ws, data, len, ws->frame.len - ws->left + ws->plain);
    ws->plain = have;
    return ws->packed ? 0 : check_text(ws, data, len);
}

static void use(bide_websocket *ws, size_t len)
{
    ws->begin += len;
    ws->plain -= len;
    ws->left -= len;
}

static void end_frame(bide_websocket *ws)
{
    ws->in_frame = false;
    ws->whole = ws->frame.fin;
}

/* Payload as it is. Returns how many bytes, 0 if the frame is used up. */
static ssize_t take_plain(bide_websocket *ws, char *out, size_t room)
{
    if (ws->left == 0) {
        end_frame(ws);
        return 0;
    }
    size_t len = smaller(ws->left, room);
    if (ws->begin == ws->end && len >= DIRECT) {
        ssize_t n = bide__websocket_pull(ws, out, len);
        if (n < 0)
            return n;
        unmask(ws, out, (size_t)n, ws->frame.len - ws->left);
        ws->left -= (uint64_t)n;
        int rc = check_text(ws, out, (size_t)n);
        return rc < 0 ? rc : n;
    }
    int rc = bide__websocket_need(ws, 1);
    if (rc == 0)
        rc = clean(ws);
    if (rc < 0)
        return rc;
    len = smaller(len, ws->plain);
    memcpy(out, ws->in + ws->begin, len);
    use(ws, len);
    return (ssize_t)len;
}

/* The same for compressed payload. */
static ssize_t take_packed(bide_websocket *ws, char *out, size_t room)
{
    for (;;) {
        if (ws->left == 0 && !ws->frame.fin) {
            end_frame(ws);
            return 0;
        }
        int rc = ws->left > 0 ? bide__websocket_need(ws, 1) : 0;
        if (rc == 0)
            rc = clean(ws);
        if (rc < 0)
            return rc;
        const char *data = ws->in + ws->begin;
        size_t len = ws->plain;
        bool done, last = ws->frame.fin && len == ws->left;
        ssize_t n = bide__unpack(&ws->unpacker, &data, &len, last, out, room,
                                 &done);
        if (n == -EPROTO)
            return bide__websocket_fail(ws, (int)n, 1007);
        if (n < 0)
            return n;
        use(ws, ws->plain - len);
        if (done)
            end_frame(ws);
        rc = check_text(ws, out, (size_t)n);
        if (rc < 0 || n > 0 || done)
            return rc < 0 ? rc : n;
    }
}

/* The next bytes of the message; 0 if there was nothing more in a frame. */
static ssize_t take(bide_websocket *ws, char *out, size_t room)
{
    return ws->packed ? take_packed(ws, out, room)
                      : take_plain(ws, out, room);
}

static int end_message(bide_websocket *ws)
{
    if (ws->kind == BIDE_WEBSOCKET_TEXT && ws->utf8 != BIDE__UTF8_BEGIN)
        return bide__websocket_fail(
            ws, bide_raise(-EILSEQ, "a text ends within a character"), 1007);
    ws->in_message = false;
    return 1;
}

/* ── Calls ────────────────────────────────────────────────────────────── */

/* Returns 1; 0 if the peer has closed; or a negative code. */
static int enter(bide_websocket *ws)
{
    if (ws->receiving)
        return bide_raise(-EBUSY, "another task receives already");
    int rc = bide_event_wait(&ws->always);
    if (rc < 0)
        return rc;
    if (ws->hidden)
        ws->in[ws->begin] = ws->hidden_byte;
    ws->hidden = false;
    if (!ws->in_message) {
        if (ws->message.cap > BIDE__KEEP_MOST)
            bide__bytes_free(&ws->message);
        ws->message.len = 0;
    }
    if (ws->failed)
        return bide_raise(ws->failed, "receiving has failed before");
    return ws->close_code == 0;
}

/* Make the next message, or the present one, the one that is received. */
static int begin_message(bide_websocket *ws)
{
    return ws->in_message ? 1 : next_frame(ws);
}

/* Have a frame of the message, unless it is whole. */
static int advance(bide_websocket *ws)
{
    return ws->in_frame || ws->whole ? 1 : next_frame(ws);
}

/* Drop the rest of a message that was read in pieces. */
static int skip_message(bide_websocket *ws)
{
    char waste[4096];
    while (!ws->whole) {
        int rc = advance(ws);
        if (rc <= 0)
            return rc;
        ssize_t n = ws->whole ? 0 : take(ws, waste, sizeof waste);
        if (n < 0)
            return (int)n;
    }
    return end_message(ws);
}

/* ── Whole messages ───────────────────────────────────────────────────── */

static bool fits_in_place(const bide_websocket *ws)
{
    return ws->in_frame && ws->frame.fin && ws->fragments == 1 &&
           !ws->packed && ws->left == ws->frame.len &&
           ws->left <= BIDE__IN_SIZE &&
           ws->left <= ws->options.message;
}

static int receive_in_place(bide_websocket *ws,
                            bide_websocket_message *ret_message)
{
    size_t len = (size_t)ws->left;
    for (;;) {
        int rc = clean(ws);
        if (rc < 0)
            return rc;
        if (ws->plain == len)
            break;
        rc = bide__websocket_need(ws, ws->plain + 1);
        if (rc < 0)
            return rc;
    }
    ret_message->data = ws->in + ws->begin;
    use(ws, len);
    end_frame(ws);
    ws->hidden = true;
    ws->hidden_byte = ws->in[ws->begin];
    ws->in[ws->begin] = '\0';
    ret_message->len = len;
    return end_message(ws);
}

static int too_large(bide_websocket *ws)
{
    return bide__websocket_fail(
        ws,
        bide_raise(-EMSGSIZE, "a message is larger than %zu bytes",
                   ws->options.message),
        1009);
}

/* Room for more of the message, and a NUL: by what has come, not by what the
 * peer has announced. */
static int make_room(bide_websocket *ws)
{
    struct bide__bytes *message = &ws->message;
    size_t most = ws->packed ? PIECE : BIDE__KEEP_MOST;
    if (message->len > most)
        most = message->len;
    size_t more = ws->packed ? most : smaller(ws->left, most);
    if (message->len > ws->options.message ||
        (!ws->packed && ws->left > ws->options.message - message->len))
        return too_large(ws);
    if (message->cap - message->len > more)
        return 0;
    return bide__bytes_reserve(message, more + 1);
}

static int gather(bide_websocket *ws, bide_websocket_message *ret_message)
{
    struct bide__bytes *message = &ws->message;
    while (!ws->whole) {
        int rc = advance(ws);
        if (rc <= 0)
            return rc;
        rc = make_room(ws);
        if (rc < 0)
            return rc;
        ssize_t n = take(ws, message->data + message->len,
                         message->cap - message->len - 1);
        if (n < 0)
            return (int)n;
        message->len += (size_t)n;
    }
    if (message->len > ws->options.message)
        return too_large(ws);
    message->data[message->len] = '\0';
    ret_message->data = message->data;
    ret_message->len = message->len;
    return end_message(ws);
}

static int receive(bide_websocket *ws, bide_websocket_message *ret_message)
{
    int rc = 1;
    if (ws->in_message && ws->streamed)
        rc = skip_message(ws);
    if (rc > 0)
        rc = begin_message(ws);
    if (rc <= 0)
        return rc;
    rc = fits_in_place(ws) ? receive_in_place(ws, ret_message)
                           : gather(ws, ret_message);
    if (rc <= 0)
        return rc;
    ret_message->kind = ws->kind;
    return (int)ws->kind;
}

int bide_websocket_receive(bide_websocket *ws,
                           bide_websocket_message *ret_message)
{
    int rc = enter(ws);
    if (rc <= 0)
        return rc;
    ws->receiving = true;
    rc = receive(ws, ret_message);
    ws->receiving = false;
    return rc;
}

/* ── In pieces ────────────────────────────────────────────────────────── */

static int next(bide_websocket *ws)
{
    int rc = 1;
    if (ws->in_message && ws->streamed)
        rc = skip_message(ws);
    if (rc > 0)
        rc = begin_message(ws);
    if (rc <= 0)
        return rc;
    ws->streamed = true;
    return (int)ws->kind;
}

int bide_websocket_next(bide_websocket *ws)
{
    int rc = enter(ws);
    if (rc <= 0)
        return rc;
    ws->receiving = true;
    rc = next(ws);
    ws->receiving = false;
    return rc;
}

/* What a call of bide_websocket_receive() had gathered comes first. */
static ssize_t read_gathered(bide_websocket *ws, char *buf, size_t len)
{
    size_t left = ws->message.len - ws->message_read;
    len = smaller(left, len);
    if (len > 0)
        memcpy(buf, ws->message.data + ws->message_read, len);
    ws->message_read += len;
    return (ssize_t)len;
}

static ssize_t read_piece(bide_websocket *ws, char *buf, size_t len)
{
    ssize_t n = read_gathered(ws, buf, len);
    while (n == 0 && !ws->whole) {
        int rc = advance(ws);
        if (rc == 0)
            return bide_raise(BIDE_E_INCOMPLETE,
                              "the peer has closed within a message");
        if (rc < 0)
            return rc;
        n = take(ws, buf, len);
    }
    if (n != 0)
        return n;
    int rc = end_message(ws);
    return rc < 0 ? rc : 0;
}

ssize_t bide_websocket_read(bide_websocket *ws, void *buf, size_t len)
{
    if (len == 0 || len > BIDE_IO_MAX)
        return bide_raise(-EINVAL, "len is %zu bytes, must be 1 to %zu", len,
                          BIDE_IO_MAX);
    int rc = enter(ws);
    if (rc < 0)
        return rc;
    if (rc == 0 || !ws->in_message || !ws->streamed)
        return bide_raise(-EINVAL, "no message is being read; call "
                                   "bide_websocket_next() first");
    ws->receiving = true;
    ssize_t n = read_piece(ws, buf, len);
    ws->receiving = false;
    return n;
}
