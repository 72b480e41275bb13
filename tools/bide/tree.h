/* SPDX-License-Identifier: MIT */
/* tree.h — printing tasks below those that await them. */
#ifndef BIDE_CLI_TREE_H
#define BIDE_CLI_TREE_H

#include "answer.h"

/* Puts the answer's tasks in another order. */
void print_tree(struct answer *answer);

#endif
