/* SPDX-License-Identifier: MIT */
/*
 * control.c — control frames that arrive, and refusing a peer.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "http/websocket/websocket.h"

int bide__websocket_fail(bide_websocket *ws, int code, int status)
{
    char text[BIDE_ERRMSG_MAX], reason[BIDE__REASON_MAX + 1];
    snprintf(text, sizeof text, "%s", bide_errmsg(code));
    snprintf(reason, sizeof reason, "%.*s", BIDE__REASON_MAX, text);
    int told = bide_websocket_shutdown(ws, status, reason);
    (void)told; /* it may have gone, and will see the end in any case */
    ws->failed = code;
    if (ws->close_code == 0)
        ws->close_code = 1006;
    return bide_raise(code, "%s", text);
}

/* ── Close ────────────────────────────────────────────────────────────── */

static int check_close(bide_websocket *ws, const unsigned char *data,
                       size_t len)
{
    if (len == 0)
        return 0;
    unsigned code = len > 1 ? (unsigned)(data[0] << 8 | data[1]) : 0;
    if (!bide__close_code_is_sound(code))
        return bide__websocket_fail(
            ws,
            len == 1 ? bide_raise(-EPROTO, "a Close has half a number")
                     : bide_raise(-EPROTO, "a Close has the number %u", code),
            1002);
    if (bide__utf8_check(BIDE__UTF8_BEGIN, (const char *)data + 2, len - 2) !=
        BIDE__UTF8_BEGIN)
        return bide__websocket_fail(
            ws, bide_raise(-EILSEQ, "the text of a Close is not UTF-8"), 1007);
    return 0;
}

/* Its number is sent back: RFC 6455, 5.5.1. */
static int answer_close(bide_websocket *ws, const unsigned char *data,
                        size_t len)
{
    int rc = check_close(ws, data, len);
    if (rc < 0)
        return rc;
    int code = len > 1 ? data[0] << 8 | data[1] : 0;
    rc = bide_websocket_shutdown(ws, code, NULL);
    if (rc == -ENOMEM)
        return rc;
    ws->close_code = code ? code : 1005;
    if (len > 2)
        memcpy(ws->close_reason, data + 2, len - 2);
    return 0;
}

/* ── All of them ──────────────────────────────────────────────────────── */

int bide__websocket_control(bide_websocket *ws,
                            const struct bide__frame *frame, size_t head)
{
    unsigned char data[BIDE__CONTROL_MAX];
    size_t len = (size_t)frame->len;
    int rc = bide__websocket_need(ws, head + len);
    if (rc < 0)
        return rc;
    const char *payload = ws->in + ws->begin + head;
    memcpy(data, payload, len);
    if (frame->masked)
        bide__frame_mask((char *)data, payload, len, frame->mask, 0);
    rc = 1;
    if (frame->opcode == BIDE__OP_CLOSE)
        rc = answer_close(ws, data, len);
    else if (frame->opcode == BIDE__OP_PING && !ws->close_sent &&
             bide__websocket_send_control(ws, BIDE__OP_PONG, data, len) ==
                 -ENOMEM)
        rc = -ENOMEM;
    if (rc >= 0)
        ws->begin += head + len;
    return rc;
}
