/* SPDX-License-Identifier: MIT */
/*
 * send.c — messages to frames, and frames to the stream.
 *
 *     short message ──copy──► out ──callback at the end of the turn──► sender
 *     long message ──► waits for `writing` ──► the stream, `out` before it
 *
 * The sender is a task that writes until `out` is empty. Nothing of the caller
 * is in it, so cancelling a caller tears no message in two. It starts eagerly:
 * one that was cancelled before it began would never say that it has ended.
 *
 * Invariants: `sending` from the callback's scheduling to the sender's end;
 * `begun` is set while a task holds `turn` between calls.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "http/websocket/websocket.h"

#define SHORT 16384          /* bytes of a message that is copied */
#define SLICE (1024 * 1024)  /* bytes that have write_timeout to be taken */
#define MASKED_SLICE 65536   /* the same for clients, which copy them */
#define PACK_LEAST 32        /* bytes that are worth being compressed */

/* ── Writing ──────────────────────────────────────────────────────────── */

static int note_broken(bide_websocket *ws, int rc)
{
    if (rc < 0 && !ws->broken) {
        ws->broken = rc;
        /* A peer that takes nothing may send nothing either. */
        if (rc == -ETIME && ws->scope)
            bide_timeout_reschedule(ws->scope, 0);
    }
    return rc;
}

static int write_in_time(bide_websocket *ws, const struct iovec *iov,
                         size_t count)
{
    bide_timeout timeout;
    bide_timeout_enter(&timeout, ws->options.write_timeout);
    int rc = count == 1
                 ? bide_stream_write(ws->stream, iov->iov_base, iov->iov_len)
                 : bide_stream_writev(ws->stream, iov, count);
    return bide_timeout_exit(&timeout, rc);
}

/* Memory is kept for the next messages unless it is much. */
static void give_back(bide_websocket *ws, struct bide__bytes *out)
{
    if (ws->out.data || out->cap > BIDE__KEEP_MOST) {
        bide__bytes_free(out);
        return;
    }
    out->len = 0;
    ws->out = *out;
}

static void add_frame(struct bide__bytes *out, const struct bide__frame *frame,
                      const char *data, size_t len)
{
    unsigned char *head = (unsigned char *)out->data + out->len;
    out->len += bide__frame_make(frame, head);
    if (frame->masked)
        bide__frame_mask(out->data + out->len, data, len, frame->mask, 0);
    else if (len > 0)
        memcpy(out->data + out->len, data, len);
    out->len += len;
}

static int make_frame(const bide_websocket *ws, enum bide__opcode opcode,
                      bool fin, bool packed, size_t len,
                      struct bide__frame *ret_frame)
{
    *ret_frame = (struct bide__frame){
        .opcode = (uint8_t)opcode,
        .fin = fin,
        .compressed = packed,
        .masked = ws->client,
        .len = len,
    };
    return ws->client ? bide__frame_new_mask(ret_frame->mask) : 0;
}

static void put_pong(bide_websocket *ws);

static int write_out(bide_websocket *ws)
{
    int rc = bide_lock_acquire(&ws->writing);
    if (rc < 0)
        return rc;
    struct bide__bytes out = ws->out;
    ws->out = (struct bide__bytes){.data = NULL};
    put_pong(ws);
    if (out.len > 0) {
        const struct iovec piece = {out.data, out.len};
        ws->in_flight = out.len;
        rc = write_in_time(ws, &piece, 1);
        ws->in_flight = 0;
    }
    give_back(ws, &out);
    bide_lock_release(&ws->writing);
    bide_event_set(&ws->room);
    return rc;
}

static int send_out(void *arg)
{
    bide_websocket *ws = arg;
    int rc = 0;
    ws->sender = bide_current_task();
    while (rc == 0 && !ws->broken && ws->out.len > 0)
        rc = note_broken(ws, write_out(ws));
    ws->sender = NULL;
    ws->sending = false;
    bide_event_set(&ws->room);
    bide_event_set(&ws->sent);
    return rc == -ECANCELED ? rc : 0;
}

static void begin_sending(void *arg)
{
    static const bide_task_options options = {
        .name = "websocket sender",
        .eager_start = true,
    };
    bide_websocket *ws = arg;
    bide_task *task = bide_create_task_with(send_out, ws, &options);
    if (task) {
        bide_task_detach(task);
        return;
    }
    (void)note_broken(ws, -ENOMEM);
    ws->sending = false;
    bide_event_set(&ws->room);
    bide_event_set(&ws->sent);
}

static int send_soon(bide_websocket *ws)
{
    if (ws->sending)
        return 0;
    int rc = bide_loop_call_soon(bide_loop_current(), &ws->handle,
                                 begin_sending, ws);
    if (rc < 0)
        return rc;
    ws->sending = true;
    bide_event_clear(&ws->sent);
    return 0;
}

static int await_sent(bide_websocket *ws)
{
    bide_timeout timeout;
    bide_timeout_enter_at(&timeout, ws->closing_until);
    int rc = bide_event_wait(&ws->sent);
    return bide_timeout_exit(&timeout, rc);
}

int bide__websocket_flush(bide_websocket *ws)
{
    int result = 0;
    while (ws->sending) {
        int rc = await_sent(ws);
        if (rc == -ECANCELED)
            result = rc;
        if (rc < 0 && ws->sender)
            (void)bide_task_cancel(ws->sender);
        else if (rc < 0 && bide_handle_cancel(&ws->handle))
            ws->sending = false;
    }
    return result;
}

/* ── Short frames ─────────────────────────────────────────────────────── */

static int check_open(const bide_websocket *ws)
{
    if (ws->close_sent)
        return bide_raise(-EPIPE, "the connection has been closed");
    if (ws->broken)
        return bide_raise(-EPIPE, "the connection has broken: %s",
                          bide_strerror(ws->broken));
    return 0;
}

static int put(bide_websocket *ws, enum bide__opcode opcode, bool fin,
               bool packed, const void *data, size_t len)
{
    struct bide__frame frame;
    int rc = bide__bytes_reserve(&ws->out, BIDE__FRAME_HEAD_MAX + len);
    if (rc == 0)
        rc = make_frame(ws, opcode, fin, packed, len, &frame);
    if (rc == 0)
        rc = send_soon(ws);
    if (rc == 0)
        add_frame(&ws->out, &frame, data, len);
    return rc;
}

/* A pong that found no room before. */
static void put_pong(bide_websocket *ws)
{
    if (ws->pong_waits && !ws->close_sent && !ws->broken &&
        put(ws, BIDE__OP_PONG, true, false, ws->pong, ws->pong_len) == 0)
        ws->pong_waits = false;
}

int bide__websocket_send_control(bide_websocket *ws, enum bide__opcode opcode,
                                 const void *data, size_t len)
{
    int rc = check_open(ws);
    if (rc < 0)
        return rc;
    if (opcode == BIDE__OP_PONG &&
        bide_websocket_buffered(ws) >= ws->options.buffer) {
        memcpy(ws->pong, data, len); /* only the last one matters */
        ws->pong_len = (unsigned char)len;
        ws->pong_waits = true;
        return 0;
    }
    return put(ws, opcode, true, false, data, len);
}

int bide_websocket_ping(bide_websocket *ws, const void *data, size_t len)
{
    if (len > BIDE__CONTROL_MAX)
        return bide_raise(-EINVAL, "len is %zu bytes, at most %d", len,
                          BIDE__CONTROL_MAX);
    if (bide_websocket_buffered(ws) >= ws->options.buffer)
        return bide_raise(-ENOBUFS, "%zu bytes wait to be written, at most "
                                    "%zu",
                          bide_websocket_buffered(ws), ws->options.buffer);
    return bide__websocket_send_control(ws, BIDE__OP_PING, data, len);
}

size_t bide_websocket_buffered(const bide_websocket *ws)
{
    return ws->out.len + ws->in_flight;
}

/* ── Long frames ──────────────────────────────────────────────────────── */

/* What was collected before it goes first. If nothing could be written of a
 * first slice, `out` is as it was; should the stream not be, writing it will
 * say so. */
static int write_first(bide_websocket *ws, const struct iovec more[2])
{
    struct bide__bytes out = ws->out;
    const struct iovec iov[] = {{out.data, out.len}, more[0], more[1]};
    ws->out = (struct bide__bytes){.data = NULL};
    ws->in_flight = out.len + more[0].iov_len + more[1].iov_len;
    int rc = write_in_time(ws, iov, 3);
    ws->in_flight = 0;
    if (rc < 0 && bide__bytes_add(&out, ws->out.data, ws->out.len) == 0) {
        bide__bytes_free(&ws->out);
        ws->out = out;
        return rc;
    }
    if (rc < 0)
        (void)note_broken(ws, rc);
    give_back(ws, &out);
    return rc;
}

/* Clients send a masked copy; `copy` has room for a slice. */
static int write_slices(bide_websocket *ws, const struct bide__frame *frame,
                        const char *data, char *copy)
{
    unsigned char head[BIDE__FRAME_HEAD_MAX];
    size_t head_len = bide__frame_make(frame, head);
    size_t len = (size_t)frame->len;
    for (size_t at = 0; at < len;) {
        size_t most = copy ? MASKED_SLICE : SLICE;
        size_t n = len - at < most ? len - at : most;
        if (copy)
            bide__frame_mask(copy, data + at, n, frame->mask, at);
        char *from = copy ? copy : (char *)(uintptr_t)data + at;
        const struct iovec pieces[] = {{head, head_len}, {from, n}};
        int rc = at == 0 ? write_first(ws, pieces)
                         : write_in_time(ws, pieces + 1, 1);
        if (rc < 0 && (at > 0 || rc != -ECANCELED))
            return note_broken(ws, rc);
        if (rc < 0)
            return rc;
        at += n;
    }
    return 0;
}

static int write_long(bide_websocket *ws, enum bide__opcode opcode, bool fin,
                      bool packed, const void *data, size_t len)
{
    struct bide__frame frame;
    char *copy = NULL;
    if (ws->client) {
        copy = bide_allocate(MASKED_SLICE);
        if (!copy)
            return -ENOMEM;
    }
    int rc = bide_lock_acquire(&ws->writing);
    if (rc == 0) {
        rc = check_open(ws);
        if (rc == 0)
            rc = make_frame(ws, opcode, fin, packed, len, &frame);
        if (rc == 0)
            rc = write_slices(ws, &frame, data, copy);
        bide_lock_release(&ws->writing);
        put_pong(ws);
    }
    bide_release(copy);
    return rc;
}

/* ── Messages ─────────────────────────────────────────────────────────── */

static int await_room(bide_websocket *ws)
{
    int rc = check_open(ws);
    while (rc == 0 && bide_websocket_buffered(ws) >= ws->options.buffer) {
        bide_event_clear(&ws->room);
        rc = bide_event_wait(&ws->room);
        if (rc == 0)
            rc = check_open(ws);
    }
    return rc;
}

static bool may_pack(const bide_websocket *ws, size_t len)
{
    return ws->terms.agreed && ws->packer.window > 8 && len >= PACK_LEAST;
}

static int send_packed(bide_websocket *ws, enum bide__opcode opcode, bool fin,
                       bool first, const void *data, size_t len)
{
    struct bide__bytes *packed = &ws->packed_out;
    packed->len = 0;
    int rc = bide__pack(&ws->packer, data, len, fin, packed);
    if (rc == 0 && packed->len <= SHORT)
        rc = put(ws, opcode, fin, first, packed->data, packed->len);
    else if (rc == 0)
        rc = write_long(ws, opcode, fin, first, packed->data, packed->len);
    if (packed->cap > BIDE__KEEP_MOST)
        bide__bytes_free(packed);
    /* The peer cannot understand what follows, which refers to this. */
    return note_broken(ws, rc);
}

static int send_frame(bide_websocket *ws, enum bide__opcode opcode, bool fin,
                      const void *data, size_t len)
{
    if (len <= SHORT)
        return put(ws, opcode, fin, false, data, len);
    return write_long(ws, opcode, fin, false, data, len);
}

static int check_kind(enum bide_websocket_kind kind)
{
    if (kind == BIDE_WEBSOCKET_TEXT || kind == BIDE_WEBSOCKET_BINARY)
        return 0;
    return bide_raise(-EINVAL, "kind is %d, must be 1 or 2", (int)kind);
}

static int check_len(size_t len)
{
    if (len <= BIDE_IO_MAX / 2)
        return 0;
    return bide_raise(-EINVAL, "len is %zu bytes, at most %zu", len,
                      BIDE_IO_MAX / 2);
}

static int not_utf8(void)
{
    return bide_raise(-EILSEQ, "the text is not UTF-8");
}

int bide_websocket_send(bide_websocket *ws, enum bide_websocket_kind kind,
                        const void *data, size_t len)
{
    int rc = check_kind(kind);
    if (rc == 0)
        rc = check_len(len);
    if (rc == 0 && kind == BIDE_WEBSOCKET_TEXT &&
        bide__utf8_check(BIDE__UTF8_BEGIN, data, len) != BIDE__UTF8_BEGIN)
        rc = not_utf8();
    if (rc == 0)
        rc = bide_lock_acquire(&ws->turn);
    if (rc < 0)
        return rc;
    enum bide__opcode opcode = (enum bide__opcode)kind;
    rc = await_room(ws);
    if (rc == 0)
        rc = may_pack(ws, len) ? send_packed(ws, opcode, true, true, data, len)
                               : send_frame(ws, opcode, true, data, len);
    bide_lock_release(&ws->turn);
    return rc;
}

int bide_websocket_send_text(bide_websocket *ws, const char *text)
{
    return bide_websocket_send(ws, BIDE_WEBSOCKET_TEXT, text, strlen(text));
}

int bide_websocket_send_binary(bide_websocket *ws, const void *data,
                               size_t len)
{
    return bide_websocket_send(ws, BIDE_WEBSOCKET_BINARY, data, len);
}

/* ── In pieces ────────────────────────────────────────────────────────── */

int bide_websocket_begin(bide_websocket *ws, enum bide_websocket_kind kind)
{
    int rc = check_kind(kind);
    if (rc == 0)
        rc = bide_lock_acquire(&ws->turn);
    if (rc < 0)
        return rc;
    rc = check_open(ws);
    if (rc < 0) {
        bide_lock_release(&ws->turn);
        return rc;
    }
    ws->begun = kind;
    ws->begun_frames = false;
    ws->begun_utf8 = BIDE__UTF8_BEGIN;
    return 0;
}

static int check_begun(const bide_websocket *ws)
{
    if (ws->begun)
        return 0;
    return bide_raise(-EINVAL, "no message has begun; call "
                               "bide_websocket_begin() first");
}

static int send_piece(bide_websocket *ws, bool fin, const void *data,
                      size_t len)
{
    bool first = !ws->begun_frames;
    enum bide__opcode opcode = first ? (enum bide__opcode)ws->begun
                                     : BIDE__OP_CONTINUATION;
    bool packs = may_pack(ws, PACK_LEAST);
    int rc = packs ? send_packed(ws, opcode, fin, first, data, len)
                   : send_frame(ws, opcode, fin, data, len);
    if (rc == 0)
        ws->begun_frames = true;
    return rc;
}

int bide_websocket_write(bide_websocket *ws, const void *data, size_t len)
{
    int rc = check_begun(ws);
    if (rc == 0)
        rc = check_len(len);
    if (rc < 0)
        return rc;
    unsigned utf8 = ws->begun_utf8;
    if (ws->begun == BIDE_WEBSOCKET_TEXT)
        utf8 = bide__utf8_check(utf8, data, len);
    if (utf8 == BIDE__UTF8_BAD)
        return not_utf8();
    rc = bide_event_wait(&ws->always);
    if (rc == 0)
        rc = await_room(ws);
    if (rc == 0 && len > 0)
        rc = send_piece(ws, false, data, len);
    if (rc == 0)
        ws->begun_utf8 = utf8;
    return rc;
}

int bide_websocket_end(bide_websocket *ws)
{
    int rc = check_begun(ws);
    if (rc < 0)
        return rc;
    rc = check_open(ws);
    if (rc == 0 && ws->begun_utf8 != BIDE__UTF8_BEGIN)
        rc = bide_raise(-EILSEQ, "the text ends within a character");
    if (rc == 0)
        rc = send_piece(ws, true, NULL, 0);
    if (rc < 0 && ws->begun_frames)
        (void)note_broken(ws, rc);
    ws->begun = 0;
    bide_lock_release(&ws->turn);
    return rc;
}
