/* SPDX-License-Identifier: MIT */
/*
 * list.h — an intrusive, circular, doubly linked list.
 *
 * The links lie inside the listed struct, so that adding and removing never
 * allocate and never fail. A head is a link of its own:
 *
 *      head ⇄ first ⇄ … ⇄ last ⇄ (head)
 *
 * Invariant: an unlisted link points at itself, so removing it again is
 * harmless and "is it listed" is one comparison.
 */
#ifndef BIDE_SRC_BASE_LIST_H
#define BIDE_SRC_BASE_LIST_H

#include <stdbool.h>

struct bide__link {
    struct bide__link *prev;
    struct bide__link *next;
};

static inline void bide__list_init(struct bide__link *link)
{
    link->prev = link;
    link->next = link;
}

static inline bool bide__list_empty(const struct bide__link *head)
{
    return head->next == head;
}

static inline void bide__list_append(struct bide__link *head,
                                     struct bide__link *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

static inline void bide__list_prepend(struct bide__link *head,
                                      struct bide__link *link)
{
    bide__list_append(head->next, link);
}

static inline void bide__list_remove(struct bide__link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    bide__list_init(link);
}

#endif
