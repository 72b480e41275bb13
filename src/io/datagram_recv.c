/* SPDX-License-Identifier: MIT */
/*
 * datagram_recv.c — receiving datagrams, one or many.
 *
 * A receive is tried at once, because on a busy socket there is something as
 * a rule; only when there is not, the engine waits, and brings the datagram
 * with the wake-up. Where questions and answers alternate there never is:
 * after a try in vain some receives go without one.
 *
 * With UDP_GRO the kernel hands over what belongs together as one. That goes
 * into a buffer of the socket's, from which one datagram after the other is
 * served. Tasks that wait then wait for readiness alone, since they share the
 * buffer; whoever leaves datagrams in it wakes the next.
 */
#include "io/datagram.h"

#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/uio.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define CHUNK 32 /* messages that one system call takes */
#define TRUST 16 /* receives that wait at once, after one tried in vain */

/* Where a datagram goes, and what became of it. */
struct place {
    void *data;
    size_t room;
    struct sockaddr_storage *address; /* or NULL */
    socklen_t address_len;            /* set */
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* recvmsg(2) that does not wait. Returns the length of the datagram, which can
 * be more than there was room for, or a negative errno. */
static ssize_t try_receive(const bide_datagram *datagram,
                           struct msghdr *message)
{
    ssize_t n;
    do {
        n = recvmsg(datagram->file.fd, message, MSG_DONTWAIT | MSG_TRUNC);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/* ── As they come ─────────────────────────────────────────────────────── */

static void describe(const struct place *place, struct msghdr *message,
                     struct iovec *iov)
{
    *iov = (struct iovec){place->data, place->room};
    *message = (struct msghdr){
        .msg_iov = iov,
        .msg_iovlen = 1,
        .msg_name = place->address,
        .msg_namelen = place->address ? sizeof *place->address : 0,
    };
}

/* Where the engine tries an operation at once, we need not. */
static bool tries_first(const bide_datagram *datagram)
{
    return datagram->loop->engine->backend->prefers_multishot;
}

/* The same for what needs no struct msghdr. */
static ssize_t try_simple(const bide_datagram *datagram, struct place *place)
{
    ssize_t n;
    do {
        place->address_len = place->address ? sizeof *place->address : 0;
        n = recvfrom(datagram->file.fd, place->data, place->room,
                     MSG_DONTWAIT | MSG_TRUNC,
                     (struct sockaddr *)place->address, &place->address_len);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static ssize_t receive_plain(bide_datagram *datagram, struct place *place)
{
    if (datagram->untried > 0) {
        datagram->untried--;
    } else if (tries_first(datagram)) {
        ssize_t n = try_simple(datagram, place);
        if (n >= 0)
            bide__op_yield(bide__loop->current);
        if (n != -EAGAIN)
            return n;
        datagram->untried = TRUST;
    }
    struct bide__datagram_call call;
    struct msghdr message;
    struct iovec iov;
    describe(place, &message, &iov);
    bide_op_recvmsg(&call.op, &datagram->file, &message, MSG_TRUNC);
    int64_t n =
        bide__datagram_await(datagram, &call, &bide__datagram_recv_wait);
    place->address_len = message.msg_namelen;
    return (ssize_t)n;
}

/* ── Several as one ───────────────────────────────────────────────────── */

/* Receive into the buffer. Returns its length, or a negative errno; 0 is an
 * empty datagram, of which nothing is left to serve. */
static ssize_t fill(bide_datagram *datagram)
{
    struct bide__coalesced *coalesced = &datagram->coalesced;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {coalesced->data, BIDE__DATAGRAM_MAX};
    struct msghdr message = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_name = &coalesced->from,
        .msg_namelen = sizeof coalesced->from,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    ssize_t n = try_receive(datagram, &message);
    if (n < 0)
        return n;
    int segment = (int)n;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == IPPROTO_UDP &&
        header->cmsg_type == UDP_GRO)
        memcpy(&segment, CMSG_DATA(header), sizeof segment);
    coalesced->begin = 0;
    coalesced->end = (size_t)n;
    coalesced->segment = segment > 0 ? (size_t)segment : (size_t)n;
    coalesced->from_len = message.msg_namelen;
    return n;
}

/* Hand out the next datagram of the buffer. Returns its length. */
static ssize_t serve(bide_datagram *datagram, struct place *place)
{
    struct bide__coalesced *coalesced = &datagram->coalesced;
    size_t len = smaller(coalesced->segment,
                         coalesced->end - coalesced->begin);
    memcpy(place->data, coalesced->data + coalesced->begin,
           smaller(len, place->room));
    coalesced->begin += len;
    if (place->address)
        *place->address = coalesced->from;
    place->address_len = coalesced->from_len;
    return (ssize_t)len;
}

static bool has_left(const bide_datagram *datagram)
{
    return datagram->coalesced.begin < datagram->coalesced.end;
}

/* Serve what is in the buffer, or else what has come. -EAGAIN: nothing. */
static ssize_t try_coalesced(bide_datagram *datagram, struct place *place)
{
    if (!has_left(datagram)) {
        ssize_t n = fill(datagram);
        if (n < 0)
            return n;
    }
    return serve(datagram, place);
}

static ssize_t receive_coalesced(bide_datagram *datagram, struct place *place)
{
    for (;;) {
        ssize_t n = try_coalesced(datagram, place);
        if (n != -EAGAIN) {
            if (has_left(datagram))
                bide__datagram_nudge(datagram);
            bide__op_yield(bide__loop->current);
            return n;
        }
        struct bide__datagram_call call;
        bide_op_poll(&call.op, &datagram->file, POLLIN);
        int64_t rc = bide__datagram_await(datagram, &call,
                                          &bide__datagram_recv_wait);
        if (rc < 0 && rc != -EAGAIN)
            return (ssize_t)rc;
    }
}

static ssize_t receive(bide_datagram *datagram, struct place *place)
{
    return datagram->coalesced.data ? receive_coalesced(datagram, place)
                                    : receive_plain(datagram, place);
}

/* ── One ──────────────────────────────────────────────────────────────── */

static ssize_t recv_one(bide_datagram *datagram, struct place *place,
                        const char *function)
{
    int rc = bide__datagram_begin(datagram, function);
    if (BIDE__UNLIKELY(rc < 0))
        return rc;
    ssize_t n = receive(datagram, place);
    bide__datagram_end(datagram);
    if (BIDE__UNLIKELY(n > 0 && (size_t)n > place->room))
        return bide_raise(-EMSGSIZE,
                          "a datagram of %zd bytes, with room for %zu", n,
                          place->room);
    return n;
}

ssize_t bide_datagram_recv(bide_datagram *datagram, void *buf, size_t len)
{
    struct place place = {.data = buf, .room = len};
    return recv_one(datagram, &place, "bide_datagram_recv");
}

ssize_t bide_datagram_recvfrom(bide_datagram *datagram, void *buf, size_t len,
                               struct sockaddr_storage *ret_address,
                               size_t *ret_address_len)
{
    struct place place = {.data = buf, .room = len, .address = ret_address};
    ssize_t n = recv_one(datagram, &place, "bide_datagram_recvfrom");
    if (ret_address_len && (n >= 0 || n == -EMSGSIZE))
        *ret_address_len = place.address_len;
    return n;
}

/* ── Many ─────────────────────────────────────────────────────────────── */

static struct place place_of(const bide_datagram_message *message)
{
    return (struct place){
        .data = message->data,
        .room = message->len,
        .address = message->address,
    };
}

static void complete(bide_datagram_message *message, size_t len,
                     socklen_t address_len)
{
    message->received = smaller(len, message->len);
    message->truncated = len > message->len;
    message->address_len = message->address ? address_len : 0;
}

/* recvmmsg(2) of at most a chunk. Returns how many, or a negative errno. */
static int try_chunk(const bide_datagram *datagram,
                     bide_datagram_message *messages, size_t count)
{
    struct mmsghdr headers[CHUNK];
    struct iovec iovs[CHUNK];
    if (count > CHUNK)
        count = CHUNK;
    for (size_t i = 0; i < count; i++) {
        struct place place = place_of(&messages[i]);
        describe(&place, &headers[i].msg_hdr, &iovs[i]);
    }
    int n;
    do {
        n = recvmmsg(datagram->file.fd, headers, (unsigned)count,
                     MSG_DONTWAIT | MSG_TRUNC, NULL);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    for (int i = 0; i < n; i++)
        complete(&messages[i], headers[i].msg_len,
                 headers[i].msg_hdr.msg_namelen);
    return n;
}

/* As many as there are, without waiting. */
static size_t try_many(bide_datagram *datagram,
                       bide_datagram_message *messages, size_t count)
{
    size_t done = 0;
    if (datagram->coalesced.data) {
        for (; done < count; done++) {
            struct place place = place_of(&messages[done]);
            ssize_t n = try_coalesced(datagram, &place);
            if (n < 0)
                break;
            complete(&messages[done], (size_t)n, place.address_len);
        }
        return done;
    }
    while (done < count) {
        int n = try_chunk(datagram, messages + done, count - done);
        if (n <= 0)
            break;
        done += (size_t)n;
        if (n < CHUNK)
            break;
    }
    return done;
}

static int recv_many(bide_datagram *datagram, bide_datagram_message *messages,
                     size_t count)
{
    size_t done = try_many(datagram, messages, count);
    if (done > 0) {
        bide__op_yield(bide__loop->current);
        return (int)done;
    }
    struct place place = place_of(messages);
    ssize_t n = receive(datagram, &place); /* or learn of the error */
    if (n < 0)
        return (int)n;
    complete(messages, (size_t)n, place.address_len);
    return 1 + (int)try_many(datagram, messages + 1, count - 1);
}

int bide_datagram_recv_many(bide_datagram *datagram,
                            bide_datagram_message *messages, size_t count)
{
    if (count == 0 || count > BIDE_DATAGRAM_MANY_MAX)
        return bide_raise(-EINVAL, "count is %zu, must be 1 to %d", count,
                          BIDE_DATAGRAM_MANY_MAX);
    int rc = bide__datagram_begin(datagram, "bide_datagram_recv_many");
    if (rc < 0)
        return rc;
    rc = recv_many(datagram, messages, count);
    if (has_left(datagram))
        bide__datagram_nudge(datagram);
    bide__datagram_end(datagram);
    return rc;
}
