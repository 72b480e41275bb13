/* SPDX-License-Identifier: MIT */
/*
 * dns.c — names to addresses, on threads of their own.
 *
 * getaddrinfo(3) blocks, and cannot be interrupted. So a request owns all it
 * needs, and a cancelled task leaves it behind:
 *
 *     task waits ── result ──► the task frees the request
 *         └─ cancelled ──► not begun: freed at once
 *                          begun: freed by its thread, whenever that returns
 *
 * What getaddrinfo(3) can answer without asking anybody (numeric hosts, no
 * host at all) needs no thread and is answered in the call.
 *
 * Invariant: a request that is on a thread is referred to by nothing else
 * once its task has been cancelled, not even by the loop.
 */
#include <bide/dns.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "task/task.h"

#define HOST_MAX 1024  /* bytes; a name in the DNS has at most 253 */
#define SERVICE_MAX 64 /* bytes */
#define PORT_MAX 65535

struct lookup {
    bide_op op;
    bide_task *task;     /* waits for it */
    const char *host;    /* in `text`, or NULL */
    const char *service; /* likewise */
    struct addrinfo hints;
    struct addrinfo *result; /* of getaddrinfo(3), where `status` is 0 */
    int status;              /* what it returned */
    int error;               /* errno after it, for EAI_SYSTEM */
    char text[];
};

/* ── Errors ───────────────────────────────────────────────────────────── */

static int code_of(int status, int error)
{
    switch (status) {
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY: /* none of the family that was asked for */
        return BIDE_E_DNS_NOT_FOUND;
    case EAI_AGAIN:
        return BIDE_E_DNS_TEMPORARY;
    case EAI_SERVICE:
        return BIDE_E_DNS_SERVICE;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SYSTEM:
        return error > 0 ? -error : BIDE_E_DNS_FAILED;
    default:
        return BIDE_E_DNS_FAILED;
    }
}

static int raise_status(const char *host, const char *service, int status,
                        int error)
{
    int code = code_of(status, error);
    const char *text =
        status == EAI_SYSTEM ? bide_strerror(code) : gai_strerror(status);
    if (code == BIDE_E_DNS_SERVICE)
        return bide_raise(code, "looking up service '%s': %s",
                          service ? service : "", text);
    return bide_raise(code, "looking up '%.120s': %s", host ? host : "", text);
}

/* ── Arguments ────────────────────────────────────────────────────────── */

static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

/* getaddrinfo(3) would cut a port that is too large to 16 bits. */
static int check(const char *host, const char *service)
{
    size_t len = host ? strlen(host) : 0;
    if (len > HOST_MAX)
        return bide_raise(BIDE_E_DNS_NOT_FOUND,
                          "the host is %zu bytes, at most %d", len, HOST_MAX);
    len = service ? strlen(service) : 0;
    if (len > SERVICE_MAX)
        return bide_raise(BIDE_E_DNS_SERVICE,
                          "the service is %zu bytes, at most %d", len,
                          SERVICE_MAX);
    if (service && is_number(service) &&
        strtoull(service, NULL, 10) > PORT_MAX)
        return bide_raise(BIDE_E_DNS_SERVICE, "the port is %s, at most %d",
                          service, PORT_MAX);
    return 0;
}

/* ── Without a thread ─────────────────────────────────────────────────── */

/* Translate what is numeric. Returns false if that takes a look-up. */
static bool translate(const char *host, const char *service,
                      const struct addrinfo *hints,
                      struct addrinfo **ret_result, int *ret_code)
{
    if (service && !is_number(service))
        return false; /* a name: it is read from a file */
    struct addrinfo numeric = *hints;
    numeric.ai_flags |= AI_NUMERICHOST | (service ? AI_NUMERICSERV : 0);
    errno = 0;
    int status = getaddrinfo(host, service, &numeric, ret_result);
    bool is_name = host && !(hints->ai_flags & AI_NUMERICHOST);
    if (status == EAI_NONAME && is_name)
        return false;
    *ret_code = status ? raise_status(host, service, status, errno) : 0;
    return true;
}

/* ── On a thread ──────────────────────────────────────────────────────── */

static int look_up(void *arg)
{
    struct lookup *lookup = arg;
    errno = 0;
    lookup->status = getaddrinfo(lookup->host, lookup->service,
                                 &lookup->hints, &lookup->result);
    lookup->error = errno;
    return 0;
}

static void look_up_done(bide_op *op)
{
    struct lookup *lookup = BIDE__CONTAINER(op, struct lookup, op);
    bide__wake(lookup->task, 0);
}

/* Nobody wants the answer any more. */
static void discard(struct lookup *lookup)
{
    if (lookup->status == 0 && lookup->result)
        freeaddrinfo(lookup->result);
    bide__free(lookup);
}

/* On the pool's thread. */
static void look_up_late(bide_op *op)
{
    discard(BIDE__CONTAINER(op, struct lookup, op));
}

static void cancel_lookup(bide_task *task, void *object)
{
    struct lookup *lookup = object;
    lookup->op.done = look_up_late;
    if (!bide_pool_abandon(task->loop->engine, &lookup->op))
        discard(lookup);
    bide__wake(task, -ECANCELED);
}

/* Not weak: an answer that has come is the task's, who frees the request. */
static const struct bide__wait lookup_wait = {
    .name = "bide_getaddrinfo",
    .cancel = cancel_lookup,
};

static struct lookup *new_lookup(const char *host, const char *service,
                                 const struct addrinfo *hints)
{
    size_t host_size = host ? strlen(host) + 1 : 0;
    size_t service_size = service ? strlen(service) + 1 : 0;
    struct lookup *lookup =
        bide__calloc(1, sizeof *lookup + host_size + service_size);
    if (!lookup)
        return NULL;
    if (host)
        lookup->host = memcpy(lookup->text, host, host_size);
    if (service)
        lookup->service =
            memcpy(lookup->text + host_size, service, service_size);
    lookup->hints = *hints;
    return lookup;
}

/* The request has ended. Returns its code. */
static int collect(struct lookup *lookup, struct addrinfo **ret_result)
{
    if (lookup->op.result == -EAGAIN)
        return bide_raise(BIDE_E_DNS_TEMPORARY,
                          "looking up '%.120s': too many look-ups wait for a "
                          "thread",
                          lookup->host ? lookup->host : "");
    if (lookup->op.result < 0)
        return (int)lookup->op.result;
    if (lookup->status)
        return raise_status(lookup->host, lookup->service, lookup->status,
                            lookup->error);
    *ret_result = lookup->result;
    return 0;
}

static int look_up_on_thread(bide_task *self, const char *host,
                             const char *service,
                             const struct addrinfo *hints,
                             struct addrinfo **ret_result)
{
    bide_engine *engine = self->loop->engine;
    struct lookup *lookup = new_lookup(host, service, hints);
    if (!lookup)
        return -ENOMEM;
    lookup->task = self;
    bide_op_work(&lookup->op, bide_engine_pool(engine, BIDE_POOL_DNS), look_up,
                 lookup);
    lookup->op.done = look_up_done;
    (void)bide_engine_submit(engine, &lookup->op); /* work is never done yet */
    int rc = bide__park(self, &lookup_wait, lookup);
    if (rc < 0)
        return rc; /* the request is gone */
    rc = collect(lookup, ret_result);
    bide__free(lookup);
    return rc;
}

int bide_getaddrinfo(const char *host, const char *service,
                     const struct addrinfo *hints,
                     struct addrinfo **ret_result)
{
    bide_task *self = bide__enter("bide_getaddrinfo");
    if (BIDE__UNLIKELY(self->must_cancel))
        return bide__take_cancel(self);
    int rc = check(host, service);
    if (rc < 0)
        return rc;
    struct addrinfo copy = {.ai_family = AF_UNSPEC};
    if (hints) {
        copy.ai_flags = hints->ai_flags;
        copy.ai_family = hints->ai_family;
        copy.ai_socktype = hints->ai_socktype;
        copy.ai_protocol = hints->ai_protocol;
    }
    if (!translate(host, service, &copy, ret_result, &rc))
        return look_up_on_thread(self, host, service, &copy, ret_result);
    bide__op_yield(self);
    return rc;
}
