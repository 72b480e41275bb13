/* SPDX-License-Identifier: MIT */
/*
 * group.c — a block that owns its children (asyncio.TaskGroup).
 *
 * The first child that fails decides: its siblings are cancelled, and so is
 * the parent while it is still in the block, so that it comes to exit. There
 * it takes that request back; a request from elsewhere stays and is reported
 * as -ECANCELED, unless a child has failed, whose error comes first.
 *
 * Invariants: every child that has not ended is in `children`; exit returns
 * only when the list is empty. The group holds no reference of its own: a
 * child lives by the one that its running has.
 */
#include <errno.h>
#include <string.h>

#include "task/task.h"

static struct bide__link *children_of(bide_group *group)
{
    return (struct bide__link *)(void *)group->children;
}

_Static_assert(sizeof(struct bide__link) == sizeof(void *[2]),
               "the public struct has room for the list's head");

static void note_failure(bide_group *group, int code, const char *message)
{
    if (group->code < 0)
        return; /* the first one counts */
    group->code = code;
    size_t len = strnlen(message, sizeof group->message - 1);
    memcpy(group->message, message, len);
    group->message[len] = '\0';
}

/* Cancel every child, once. */
static void abort_children(bide_group *group)
{
    if (group->aborting)
        return;
    group->aborting = true;
    struct bide__link *head = children_of(group);
    struct bide__link *link = head->next;
    while (link != head) {
        bide_task *child = BIDE__CONTAINER(link, bide_task, siblings);
        link = link->next; /* cancelling never ends a task at once */
        (void)bide_task_cancel(child);
    }
}

/* A failure while the parent is in the block calls it to exit. */
static void ask_parent(bide_group *group)
{
    if (group->waiting || group->parent_asked)
        return;
    group->parent_asked = true;
    (void)bide_task_cancel(group->parent);
}

void bide__group_child_done(bide_task *child)
{
    bide_group *group = child->group;
    bide__list_remove(&child->siblings);
    child->flags |= BIDE__FLAG_RETRIEVED;
    if (child->result < 0 && child->result != -ECANCELED) {
        note_failure(group, child->result, bide_task_errmsg(child));
        abort_children(group);
        ask_parent(group);
    }
    if (group->waiting && bide__list_empty(children_of(group)) &&
        group->parent->state == BIDE__TASK_PARKED)
        bide__wake(group->parent, 0);
}

void bide_group_enter(bide_group *group)
{
    bide_task *self = bide__enter("bide_group_enter");
    group->parent = self;
    bide__list_init(children_of(group));
    group->code = 0;
    group->cancelling = self->cancels;
    group->aborting = false;
    group->parent_asked = false;
    group->waiting = false;
    group->closed = false;
    group->message[0] = '\0';
}

bide_task *bide_group_create_task_with(bide_group *group, bide_coroutine *fn,
                                       void *arg,
                                       const bide_task_options *options)
{
    static const bide_task_options defaults;
    bide_loop *loop = bide__enter_loop("bide_group_create_task");
    BIDE__REQUIRE(!group->closed,
                  "bide_group_create_task() was called for a group that has "
                  "ended; call it between bide_group_enter() and the return "
                  "of bide_group_exit()");
    if (group->aborting)
        return NULL;
    if (!options)
        options = &defaults;
    bide_task *child = bide__task_new(loop, fn, arg, options);
    if (!child) {
        int code = loop->current && (loop->current->flags & BIDE__FLAG_MESSAGE)
                       ? loop->current->message.code
                       : -ENOMEM;
        note_failure(group, code, bide_errmsg(code));
        abort_children(group);
        ask_parent(group);
        return NULL;
    }
    child->group = group;
    bide__list_append(children_of(group), &child->siblings);
    (void)bide__task_launch(child, options);
    child->refs--; /* the handle's; an eager child may have ended */
    if (child->refs > 0)
        return child;
    bide__task_release(child);
    return NULL;
}

bide_task *bide_group_create_task(bide_group *group, bide_coroutine *fn,
                                  void *arg)
{
    return bide_group_create_task_with(group, fn, arg, NULL);
}

static void cancel_exiting(bide_task *task, void *object)
{
    task->must_cancel = true;
    abort_children(object);
}

static const struct bide__wait exit_wait = {
    .name = "bide_group_exit",
    .cancel = cancel_exiting,
};

/* Wait for the children. Returns -ECANCELED if a request came meanwhile. */
static int await_children(bide_group *group, bide_task *self)
{
    int rc = 0;
    group->waiting = true;
    while (!bide__list_empty(children_of(group)))
        (void)bide__park(self, &exit_wait, group);
    if (self->must_cancel)
        rc = bide__take_cancel(self);
    return rc;
}

int bide_group_exit(bide_group *group, int rc)
{
    bide_task *self = bide__enter("bide_group_exit");
    BIDE__REQUIRE(group->parent == self && !group->closed,
                  "bide_group_exit() was called by task '%s' for a group that "
                  "another task has entered, or that has ended; exit it once, "
                  "in the task that entered it",
                  bide_task_name(self));
    if (rc < 0 && rc != -ECANCELED)
        note_failure(group, rc, bide_errmsg(rc));
    if (rc < 0)
        abort_children(group);
    if (group->parent_asked && bide_task_uncancel(self) <= group->cancelling &&
        rc == -ECANCELED)
        rc = 0; /* our own doing */
    if (self->must_cancel)
        abort_children(group);
    int waited = await_children(group, self);
    group->closed = true;
    if (group->code < 0) {
        /* A request from elsewhere comes second to the error, not to nothing:
         * the next call delivers it. */
        self->must_cancel = self->cancels > 0;
        return bide_raise(group->code, "%s", group->message);
    }
    return waited < 0 ? waited : rc;
}
