/* SPDX-License-Identifier: MIT */
/*
 * uring_abi.h — what io_uring.h of Linux 6.1 does not know yet.
 *
 * bide is built against the headers of the oldest distribution it supports
 * and runs on whatever kernel is there. Newer constants are therefore written
 * down here, under names of our own, so that newer headers cannot clash with
 * them. They are the kernel's interface and never change.
 *
 * The assertions pin the structs that are shared with the kernel: a header
 * that disagrees must not compile.
 */
#ifndef BIDE_SRC_ENGINE_URING_ABI_H
#define BIDE_SRC_ENGINE_URING_ABI_H

#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <stddef.h>

/* Of io_uring_setup(2). */
#define BIDE__SETUP_NO_SQARRAY (1u << 16) /* 6.6 */

/* Features that the kernel reports. */
#define BIDE__FEAT_REG_REG_RING (1u << 13) /* 6.3 */
#define BIDE__FEAT_RW_ATTR (1u << 16)      /* 6.14 */

/* Or-ed to the opcode of io_uring_register(2): the descriptor is the index of
 * a registered ring (6.3). */
#define BIDE__REGISTER_USE_REGISTERED_RING (1u << 31)

_Static_assert(sizeof(struct io_uring_sqe) == 64, "the ring's slots");
_Static_assert(offsetof(struct io_uring_sqe, fd) == 4, "sqe");
_Static_assert(offsetof(struct io_uring_sqe, off) == 8, "sqe");
_Static_assert(offsetof(struct io_uring_sqe, addr) == 16, "sqe");
_Static_assert(offsetof(struct io_uring_sqe, len) == 24, "sqe");
_Static_assert(offsetof(struct io_uring_sqe, rw_flags) == 28, "sqe");
_Static_assert(offsetof(struct io_uring_sqe, user_data) == 32, "sqe");
_Static_assert(offsetof(struct io_uring_sqe, buf_group) == 40, "sqe");
_Static_assert(offsetof(struct io_uring_sqe, file_index) == 44, "sqe");
_Static_assert(offsetof(struct io_uring_sqe, addr3) == 48, "sqe");

_Static_assert(sizeof(struct io_uring_cqe) == 16, "the ring's results");
_Static_assert(offsetof(struct io_uring_cqe, res) == 8, "cqe");
_Static_assert(offsetof(struct io_uring_cqe, flags) == 12, "cqe");

_Static_assert(sizeof(struct io_uring_params) == 120, "params");
_Static_assert(offsetof(struct io_uring_params, features) == 20, "params");
_Static_assert(offsetof(struct io_uring_params, sq_off) == 40, "params");
_Static_assert(offsetof(struct io_uring_params, cq_off) == 80, "params");

_Static_assert(sizeof(struct io_uring_buf) == 16, "provided buffers");
_Static_assert(offsetof(struct io_uring_buf_ring, tail) == 14, "their ring");
_Static_assert(sizeof(struct io_uring_buf_reg) == 40, "their registration");

_Static_assert(sizeof(struct io_uring_getevents_arg) == 24, "enter");
_Static_assert(offsetof(struct io_uring_getevents_arg, ts) == 16, "enter");
_Static_assert(sizeof(struct io_uring_rsrc_register) == 32, "files");
_Static_assert(sizeof(struct io_uring_rsrc_update) == 16, "files");
_Static_assert(sizeof(struct io_uring_probe) == 16, "probe");
_Static_assert(sizeof(struct io_uring_probe_op) == 8, "probe");

#endif
