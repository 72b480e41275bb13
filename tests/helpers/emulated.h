/* SPDX-License-Identifier: MIT */
/*
 * emulated.h — whether QEMU's user mode runs this program: tests of what it
 * does not emulate skip themselves. A build for another processor says so.
 */
#ifndef BIDE_TESTS_HELPERS_EMULATED_H
#define BIDE_TESTS_HELPERS_EMULATED_H

#ifndef EMULATED
#define EMULATED 0
#endif

#endif
