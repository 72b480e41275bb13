/* SPDX-License-Identifier: MIT */
/*
 * datagram_send.c — sending datagrams, one or many.
 *
 * A send is tried at once and waits for room only where there is none, which
 * is rare.
 *
 * Of many, those of equal length to one address leave in one call as segments
 * of one packet (UDP_SEGMENT, Linux 4.18), which costs a third; the last of a
 * run may be shorter. The receiver sees separate datagrams. A kernel, a path
 * or a device that cannot refuses with an error: datagrams of that length then
 * go the plain way from there on.
 */
#include "io/datagram.h"

#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/uio.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define CHUNK 32        /* messages that one system call takes */
#define SEGMENTS_MAX 64 /* of one packet: UDP_MAX_SEGMENTS of Linux 4.18 */
#define PACKET_MAX 65000 /* bytes of all segments; headers need the rest */

/* Between attempts to send where nothing tells when there is room. */
#define PAUSE 0.001

/* ── Waiting for room ─────────────────────────────────────────────────── */

/*
 * Wait until sending may be tried again. A Unix socket that is not connected
 * polls writable while the peer's queue is full, so what was told to be ready
 * and was not waits for a while. Returns 0 or a negative code.
 */
static int await_room(bide_datagram *datagram, bool *told_ready)
{
    if (*told_ready && !datagram->udp) {
        int rc = bide_sleep(PAUSE);
        return rc == 0 && datagram->closing ? -EBADF : rc;
    }
    struct bide__datagram_call call;
    bide_op_poll(&call.op, &datagram->file, POLLOUT);
    int64_t rc =
        bide__datagram_await(datagram, &call, &bide__datagram_send_wait);
    *told_ready = true;
    return rc < 0 && rc != -EAGAIN ? (int)rc : 0;
}

/* What to do about a call that failed with errno: 0 to try again, or the code
 * to return. */
static int wait_or_fail(bide_datagram *datagram, bool *told_ready)
{
    if (errno == EINTR)
        return 0;
    return errno == EAGAIN ? await_room(datagram, told_ready) : -errno;
}

/* ── One ──────────────────────────────────────────────────────────────── */

static int send_one(bide_datagram *datagram, const void *buf, size_t len,
                    const struct sockaddr_storage *address, size_t address_len,
                    const char *function)
{
    int rc = bide__datagram_begin(datagram, function);
    if (BIDE__UNLIKELY(rc < 0))
        return rc;
    bool told_ready = false;
    while (rc == 0 &&
           sendto(datagram->file.fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL,
                  (const struct sockaddr *)address,
                  (socklen_t)address_len) < 0)
        rc = wait_or_fail(datagram, &told_ready);
    if (rc == 0)
        bide__op_yield(bide__loop->current);
    bide__datagram_end(datagram);
    return rc;
}

int bide_datagram_send(bide_datagram *datagram, const void *buf, size_t len)
{
    return send_one(datagram, buf, len, NULL, 0, "bide_datagram_send");
}

int bide_datagram_sendto(bide_datagram *datagram, const void *buf, size_t len,
                         const struct sockaddr_storage *address,
                         size_t address_len)
{
    if (address_len > sizeof *address)
        return bide_raise(-EINVAL, "address_len is %zu bytes, at most %zu",
                          address_len, sizeof *address);
    return send_one(datagram, buf, len, address, address_len,
                    "bide_datagram_sendto");
}

/* ── Segments ─────────────────────────────────────────────────────────── */

static bool same_address(const bide_datagram_message *a,
                         const bide_datagram_message *b)
{
    if (!a->address || !b->address)
        return a->address == b->address;
    return a->address_len == b->address_len &&
           memcmp(a->address, b->address, a->address_len) == 0;
}

/* How many of the messages, from the first, can be segments of one packet; 1
 * if none can follow it. */
static size_t run_of(const bide_datagram *datagram,
                     const bide_datagram_message *messages, size_t count)
{
    size_t len = messages[0].len;
    size_t total = len;
    size_t run = 1;
    if (len == 0 || len > datagram->segment_max)
        return 1;
    if (count > SEGMENTS_MAX)
        count = SEGMENTS_MAX;
    while (run < count && messages[run - 1].len == len &&
           messages[run].len > 0 && messages[run].len <= len &&
           total + messages[run].len <= PACKET_MAX &&
           same_address(messages, &messages[run]))
        total += messages[run++].len;
    return run;
}

static int send_segments(bide_datagram *datagram,
                         const bide_datagram_message *messages, size_t run)
{
    struct iovec iovs[SEGMENTS_MAX];
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(uint16_t))];
    } control;
    memset(&control, 0, sizeof control);
    const struct msghdr message = {
        .msg_iov = iovs,
        .msg_iovlen = run,
        .msg_name = messages[0].address,
        .msg_namelen =
            messages[0].address ? (socklen_t)messages[0].address_len : 0,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    uint16_t segment = (uint16_t)messages[0].len;
    control.header.cmsg_level = IPPROTO_UDP;
    control.header.cmsg_type = UDP_SEGMENT;
    control.header.cmsg_len = CMSG_LEN(sizeof segment);
    memcpy(CMSG_DATA(&control.header), &segment, sizeof segment);
    for (size_t i = 0; i < run; i++)
        iovs[i] = (struct iovec){messages[i].data, messages[i].len};
    int rc = 0;
    bool told_ready = false;
    while (rc == 0 && sendmsg(datagram->file.fd, &message,
                              MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        rc = wait_or_fail(datagram, &told_ready);
    return rc;
}

/* Errors of a packet in segments that single datagrams need not have. */
static bool is_refusal(int code)
{
    return code == -EINVAL || code == -EIO || code == -EMSGSIZE ||
           code == -EOPNOTSUPP || code == -ENOPROTOOPT;
}

/* ── Many ─────────────────────────────────────────────────────────────── */

/* Send single messages, up to where a run begins. Returns how many, or a
 * negative code. */
static int send_chunk(bide_datagram *datagram,
                      const bide_datagram_message *messages, size_t count)
{
    struct mmsghdr headers[CHUNK];
    struct iovec iovs[CHUNK];
    size_t chunk = 0;
    bool told_ready = false;
    while (chunk < count && chunk < CHUNK &&
           (chunk == 0 ||
            run_of(datagram, messages + chunk, count - chunk) == 1)) {
        const bide_datagram_message *message = &messages[chunk];
        iovs[chunk] = (struct iovec){message->data, message->len};
        headers[chunk].msg_hdr = (struct msghdr){
            .msg_iov = &iovs[chunk],
            .msg_iovlen = 1,
            .msg_name = message->address,
            .msg_namelen =
                message->address ? (socklen_t)message->address_len : 0,
        };
        chunk++;
    }
    int rc = 0;
    int n = -1;
    while (rc == 0 && n < 0) {
        n = sendmmsg(datagram->file.fd, headers, (unsigned)chunk,
                     MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0)
            rc = wait_or_fail(datagram, &told_ready);
    }
    return rc < 0 ? rc : n;
}

/* Returns how many were sent by one call, or a negative code. */
static int send_some(bide_datagram *datagram,
                     const bide_datagram_message *messages, size_t count)
{
    size_t run = run_of(datagram, messages, count);
    if (run == 1)
        return send_chunk(datagram, messages, count);
    int rc = send_segments(datagram, messages, run);
    if (rc == 0)
        return (int)run;
    if (!is_refusal(rc))
        return rc;
    datagram->segment_max = messages[0].len - 1;
    return send_chunk(datagram, messages, count);
}

int bide_datagram_send_many(bide_datagram *datagram,
                            const bide_datagram_message *messages,
                            size_t count)
{
    if (count == 0 || count > BIDE_DATAGRAM_MANY_MAX)
        return bide_raise(-EINVAL, "count is %zu, must be 1 to %d", count,
                          BIDE_DATAGRAM_MANY_MAX);
    int rc = bide__datagram_begin(datagram, "bide_datagram_send_many");
    if (rc < 0)
        return rc;
    size_t done = 0;
    while (done < count) {
        rc = send_some(datagram, messages + done, count - done);
        if (rc <= 0)
            break;
        done += (size_t)rc;
    }
    bide__datagram_end(datagram);
    if (done == 0)
        return rc;
    if (rc == -ECANCELED)
        bide__loop->current->must_cancel = true; /* told by the next call */
    else
        bide__op_yield(bide__loop->current);
    return (int)done;
}
