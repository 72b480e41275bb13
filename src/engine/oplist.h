/* SPDX-License-Identifier: MIT */
/*
 * oplist.h — queues of operations, linked through the operations themselves.
 *
 * A queue is a pointer to its oldest operation, NULL when it is empty. `next`
 * leads to the newest, whose `next` is NULL; the oldest one's `prev` is the
 * newest. So a queue is one word, and both appending and removing from the
 * middle take constant time.
 */
#ifndef BIDE_SRC_ENGINE_OPLIST_H
#define BIDE_SRC_ENGINE_OPLIST_H

#include <bide/engine.h>

static inline void bide__oplist_append(bide_op **queue, bide_op *op)
{
    bide_op *oldest = *queue;
    op->next = NULL;
    if (oldest) {
        op->prev = oldest->prev;
        oldest->prev->next = op;
        oldest->prev = op;
    } else {
        op->prev = op;
        *queue = op;
    }
}

static inline void bide__oplist_remove(bide_op **queue, bide_op *op)
{
    if (op->next)
        op->next->prev = op->prev;
    else
        (*queue)->prev = op->prev;
    if (*queue == op)
        *queue = op->next;
    else
        op->prev->next = op->next;
}

#endif
