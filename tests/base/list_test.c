/* SPDX-License-Identifier: MIT */
/* list_test.c — the intrusive list keeps its order and survives removals. */
#include "base/list.h"
#include "base/base.h"
#include "test.h"

struct item {
    struct bide__link link;
    int number;
};

/* The numbers of a list as the digits of one. */
static int digits(const struct bide__link *head)
{
    int all = 0;
    for (const struct bide__link *at = head->next; at != head; at = at->next)
        all = all * 10 + BIDE__CONTAINER(at, struct item, link)->number;
    return all;
}

TEST(items_stay_in_the_order_they_were_added)
{
    struct bide__link head;
    struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}};
    bide__list_init(&head);
    CHECK(bide__list_empty(&head));
    bide__list_append(&head, &items[1].link);
    bide__list_append(&head, &items[2].link);
    bide__list_prepend(&head, &items[0].link);
    CHECK(!bide__list_empty(&head));
    CHECK_INT(digits(&head), 123);
}

TEST(an_item_can_be_removed_from_anywhere_and_twice)
{
    struct bide__link head;
    struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}};
    bide__list_init(&head);
    for (int i = 0; i < 3; i++)
        bide__list_append(&head, &items[i].link);
    bide__list_remove(&items[1].link);
    CHECK_INT(digits(&head), 13);
    bide__list_remove(&items[1].link);
    CHECK_INT(digits(&head), 13);
    bide__list_remove(&items[0].link);
    bide__list_remove(&items[2].link);
    CHECK(bide__list_empty(&head));
}
