/* SPDX-License-Identifier: MIT */
/*
 * probe.h — places that tracers such as bpftrace, perf and SystemTap know.
 *
 * A probe is one nop in the code and a note in the file, which says where its
 * arguments lie; it costs that nop until a tracer puts a breakpoint there.
 * There is none on the way from one task to the next. They exist where
 * <sys/sdt.h> was there at compile time:
 *
 *     bide:task_create   id, address of the coroutine
 *     bide:task_start    id
 *     bide:task_cancel   id
 *     bide:task_done     id, result
 */
#ifndef BIDE_SRC_TASK_PROBE_H
#define BIDE_SRC_TASK_PROBE_H

#ifdef BIDE__PROBES
#include <sys/sdt.h>
#define BIDE__PROBE1(name, one) DTRACE_PROBE1(bide, name, one)
#define BIDE__PROBE2(name, one, two) DTRACE_PROBE2(bide, name, one, two)
#else
#define BIDE__PROBE1(name, one) ((void)0)
#define BIDE__PROBE2(name, one, two) ((void)0)
#endif

#endif
