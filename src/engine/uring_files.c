/* SPDX-License-Identifier: MIT */
/*
 * uring_files.c — descriptors that the ring knows by a slot of its table.
 *
 * Each operation on a plain descriptor takes a reference of the open file and
 * drops it again, atomically; on a slot of the registered table it does not.
 * Registering costs a system call, so only descriptors that are used often
 * are promoted; short connections never are.
 *
 * A slot keeps the file open. When the descriptor goes, an IORING_OP_CLOSE of
 * the slot (and of the descriptor) is queued and executed by the next enter,
 * before any later operation. Until then the slot must not be given away: the
 * queued close would hit its new owner.
 *
 *     fresh or free ──promote──► in use ──detach──► leaving ──settle──► free
 *
 * Only kernels since 6.14 get a table. Before 6.13 a file that leaves the
 * table stays open until every operation that was started earlier on any slot
 * has ended: one idle connection would keep all later ones from closing. No
 * feature bit tells of the change; the next one after it is RW_ATTR.
 */
#include <errno.h>
#include <limits.h>
#include <sys/resource.h>

#include "engine/uring.h"

/* Uses before a descriptor is promoted. Taking a slot and releasing it costs
 * as much as eight operations save (325 ns and 42 ns each where measured), so
 * whenever a descriptor goes, at most as much was lost as was gained. */
#define PROMOTE_AFTER 8

/* Slots in the table: it costs the kernel 8 bytes each. */
#define SLOTS_MAX 16384

void bide__uring_files_init(struct bide__uring *u)
{
    bool able = (u->ring.features & BIDE__FEAT_RW_ATTR) &&
                !(u->without & BIDE__URING_FIXED_FILES);
    u->promote_after = able ? PROMOTE_AFTER : UINT32_MAX;
    u->slots = (struct bide__uring_slots){
        .next = u->slots.next,
        .free = -1,
        .leaving = -1,
    };
    u->closing_count = 0;
    u->unsettled = false;
}

void bide__uring_files_free(struct bide__uring *u)
{
    bide__free(u->slots.next);
    bide__free(u->closing);
}

/* The table comes into being with the first promotion. */
static bool have_table(struct bide__uring *u)
{
    struct bide__uring_slots *slots = &u->slots;
    if (slots->count > 0)
        return true;
    struct rlimit limit;
    struct io_uring_rsrc_register table = {
        .nr = SLOTS_MAX,
        .flags = IORING_RSRC_REGISTER_SPARSE,
    };
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < SLOTS_MAX)
        table.nr = (uint32_t)limit.rlim_cur;
    if (!slots->next)
        slots->next = bide__malloc(SLOTS_MAX * sizeof *slots->next);
    if (!slots->next || table.nr == 0 ||
        bide__ring_register(&u->ring, IORING_REGISTER_FILES2, &table,
                            sizeof table) < 0)
        return false;
    slots->count = (int32_t)table.nr;
    return true;
}

static int32_t take_slot(struct bide__uring_slots *slots)
{
    int32_t slot = slots->free;
    if (slot >= 0)
        slots->free = slots->next[slot];
    else if (slots->fresh < slots->count)
        slot = slots->fresh++;
    return slot;
}

static void free_slot(struct bide__uring_slots *slots, int32_t slot)
{
    slots->next[slot] = slots->free;
    slots->free = slot;
}

static bool update_slot(struct bide__uring *u, int32_t slot, int fd)
{
    struct io_uring_rsrc_update update = {
        .offset = (uint32_t)slot,
        .data = (uint64_t)(uintptr_t)&fd,
    };
    return bide__ring_register(&u->ring, IORING_REGISTER_FILES_UPDATE, &update,
                               1) == 1;
}

void bide__uring_promote(struct bide__uring *u, bide_fd *file)
{
    if (file->kind == BIDE_FD_FOREIGN)
        return; /* its owner may close it and expect it to be closed */
    int32_t slot = have_table(u) ? take_slot(&u->slots) : -1;
    if (slot < 0) {
        u->promote_after = UINT32_MAX; /* until a slot is freed */
        return;
    }
    if (!update_slot(u, slot, file->fd)) {
        free_slot(&u->slots, slot);
        file->uses = 0; /* perhaps later */
        return;
    }
    file->slot = slot;
    file->generation = u->epoch;
}

/* Queue the close of a descriptor, or of a slot. */
static bool queue_close(struct bide__uring *u, int fd, int32_t slot)
{
    struct io_uring_sqe *sqe = bide__uring_slot(u);
    if (!sqe)
        return false;
    *sqe = (struct io_uring_sqe){
        .opcode = IORING_OP_CLOSE,
        .flags = u->quiet,
        .fd = fd,
        .file_index = (uint32_t)(slot + 1),
        .user_data = BIDE__URING_IGNORED,
    };
    u->unsettled = true;
    return true;
}

static void release_slot(struct bide__uring *u, int32_t slot)
{
    struct bide__uring_slots *slots = &u->slots;
    if (!queue_close(u, 0, slot)) {
        if (update_slot(u, slot, -1))
            free_slot(slots, slot);
        return;
    }
    slots->next[slot] = slots->leaving;
    if (slots->leaving < 0)
        slots->leaving_last = slot;
    slots->leaving = slot;
}

void bide__uring_detach(bide_engine *engine, bide_fd *file, bool close_it)
{
    struct bide__uring *u = engine->state;
    if (file->generation == u->epoch)
        release_slot(u, file->slot);
    file->generation = 0;
    file->slot = -1;
    if (!close_it)
        return;
    if (queue_close(u, file->fd, -1))
        u->closing[u->closing_count++] = (struct bide__uring_closing){
            .fd = file->fd,
            .at = u->ring.sq_tail - 1,
        };
    else
        close(file->fd);
}

void bide__uring_settle(struct bide__uring *u)
{
    struct bide__uring_slots *slots = &u->slots;
    uint32_t pending = bide__ring_pending(&u->ring);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < u->closing_count; i++)
        if (u->ring.sq_tail - u->closing[i].at <= pending)
            u->closing[kept++] = u->closing[i];
    u->closing_count = kept;
    if (pending > 0)
        return;
    if (slots->leaving >= 0) {
        slots->next[slots->leaving_last] = slots->free;
        slots->free = slots->leaving;
        slots->leaving = -1;
        u->promote_after = PROMOTE_AFTER;
    }
    u->unsettled = false;
}
