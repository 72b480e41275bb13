/* SPDX-License-Identifier: MIT */
/*
 * aarch64.S — the switch for the procedure call standard of AArch64.
 *
 * A suspended context is its stack pointer; on its stack lie, upwards, the
 * registers that a function must preserve: x19 to x28, the frame pointer x29,
 * the link register x30, and the low halves of v8 to v15.
 */
        .text

        .set    frame, 160

        .globl  bide__switch
        .hidden bide__switch
        .type   bide__switch, %function
        .p2align 4
bide__switch:                           /* x0: save, x1: to, w2: value */
        .cfi_startproc
        sub     sp, sp, frame
        .cfi_adjust_cfa_offset frame
        stp     x19, x20, [sp, 0]
        .cfi_rel_offset x19, 0
        .cfi_rel_offset x20, 8
        stp     x21, x22, [sp, 16]
        .cfi_rel_offset x21, 16
        .cfi_rel_offset x22, 24
        stp     x23, x24, [sp, 32]
        .cfi_rel_offset x23, 32
        .cfi_rel_offset x24, 40
        stp     x25, x26, [sp, 48]
        .cfi_rel_offset x25, 48
        .cfi_rel_offset x26, 56
        stp     x27, x28, [sp, 64]
        .cfi_rel_offset x27, 64
        .cfi_rel_offset x28, 72
        stp     x29, x30, [sp, 80]
        .cfi_rel_offset x29, 80
        .cfi_rel_offset x30, 88
        stp     d8, d9, [sp, 96]
        stp     d10, d11, [sp, 112]
        stp     d12, d13, [sp, 128]
        stp     d14, d15, [sp, 144]
        mov     x9, sp
        str     x9, [x0]
        mov     sp, x1                  /* the other stack, laid out alike */
        mov     w0, w2
        ldp     x19, x20, [sp, 0]
        .cfi_restore x19
        .cfi_restore x20
        ldp     x21, x22, [sp, 16]
        .cfi_restore x21
        .cfi_restore x22
        ldp     x23, x24, [sp, 32]
        .cfi_restore x23
        .cfi_restore x24
        ldp     x25, x26, [sp, 48]
        .cfi_restore x25
        .cfi_restore x26
        ldp     x27, x28, [sp, 64]
        .cfi_restore x27
        .cfi_restore x28
        ldp     x29, x30, [sp, 80]
        .cfi_restore x29
        .cfi_restore x30
        ldp     d8, d9, [sp, 96]
        ldp     d10, d11, [sp, 112]
        ldp     d12, d13, [sp, 128]
        ldp     d14, d15, [sp, 144]
        add     sp, sp, frame
        .cfi_adjust_cfa_offset -frame
        br      x30                     /* not ret: another stack's address
                                           would mislead its predictor */
        .cfi_endproc
        .size   bide__switch, . - bide__switch

        /*
         * Where a new context begins. The undefined return address tells
         * debuggers and unwinders that this is the outermost frame.
         */
        .globl  bide__switch_start
        .hidden bide__switch_start
        .type   bide__switch_start, %function
        .p2align 4
bide__switch_start:
        .cfi_startproc
        .cfi_undefined x30
        blr     x19
        brk     1                       /* entry must not return */
        .cfi_endproc
        .size   bide__switch_start, . - bide__switch_start

        .globl  bide__switch_prepare
        .hidden bide__switch_prepare
        .type   bide__switch_prepare, %function
        .p2align 4
bide__switch_prepare:                   /* x0: top, x1: entry */
        .cfi_startproc
        sub     x0, x0, frame
        adr     x9, bide__switch_start
        str     x1, [x0, 0]             /* x19: entry */
        stp     xzr, x9, [x0, 80]       /* x29: none, x30: start */
        ret
        .cfi_endproc
        .size   bide__switch_prepare, . - bide__switch_prepare

        /*
         * Calls fn in a frame whose caller, as unwinders see it, is the
         * suspended context: x19 points at what bide__switch saved there, and
         * the table says that the caller's registers lie above it. Nothing of
         * that stack is touched, and fn runs on this one.
         */
        .globl  bide__switch_trace
        .hidden bide__switch_trace
        .type   bide__switch_trace, %function
        .p2align 4
bide__switch_trace:                     /* x0: context, x1: fn, x2: arg */
        .cfi_startproc
        stp     x19, x30, [sp, -16]!
        .cfi_adjust_cfa_offset 16
        .cfi_rel_offset x19, 0
        .cfi_rel_offset x30, 8
        mov     x19, x0
        mov     x0, x2
        .cfi_remember_state
        .cfi_def_cfa x19, frame
        .cfi_rel_offset x19, 0
        .cfi_rel_offset x20, 8
        .cfi_rel_offset x21, 16
        .cfi_rel_offset x22, 24
        .cfi_rel_offset x23, 32
        .cfi_rel_offset x24, 40
        .cfi_rel_offset x25, 48
        .cfi_rel_offset x26, 56
        .cfi_rel_offset x27, 64
        .cfi_rel_offset x28, 72
        .cfi_rel_offset x29, 80
        .cfi_rel_offset x30, 88
        blr     x1
        .cfi_restore_state
        ldp     x19, x30, [sp], 16
        .cfi_adjust_cfa_offset -16
        .cfi_restore x19
        .cfi_restore x30
        mov     w0, 1
        ret
        .cfi_endproc
        .size   bide__switch_trace, . - bide__switch_trace

        .section .note.GNU-stack, "", %progbits
