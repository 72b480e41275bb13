/* SPDX-License-Identifier: MIT */
/*
 * x86_64.S — the switch for the System V ABI of x86-64.
 *
 * A suspended context is its stack pointer; on its stack lie, upwards:
 *
 *      r15 r14 r13 r12 rbx rbp  return address
 *
 * The last step is pop and jmp, not ret: the return-address predictor of the
 * processor knows only this stack's calls, and a ret to another stack would
 * be mispredicted each time (8 ns instead of 3). The jump predictor learns
 * where a switch continues. Callers therefore switch in tail position.
 */
        .text

        .globl  bide__switch
        .hidden bide__switch
        .type   bide__switch, @function
        .p2align 4
bide__switch:                           /* rdi: save, rsi: to, edx: value */
        .cfi_startproc
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r12, 0
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r13, 0
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r14, 0
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r15, 0
        movq    %rsp, (%rdi)
        movq    %rsi, %rsp              /* the other stack, laid out alike */
        movl    %edx, %eax
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r15
        popq    %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r14
        popq    %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r13
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        .cfi_register %rip, %rcx
        jmp     *%rcx
        .cfi_endproc
        .size   bide__switch, . - bide__switch

        /*
         * Where a new context begins. The undefined return address tells
         * debuggers and unwinders that this is the outermost frame.
         */
        .globl  bide__switch_start
        .hidden bide__switch_start
        .type   bide__switch_start, @function
        .p2align 4
bide__switch_start:
        .cfi_startproc
        .cfi_undefined %rip
        movl    %eax, %edi
        callq   *%r12
        ud2                             /* entry must not return */
        .cfi_endproc
        .size   bide__switch_start, . - bide__switch_start

        .globl  bide__switch_prepare
        .hidden bide__switch_prepare
        .type   bide__switch_prepare, @function
        .p2align 4
bide__switch_prepare:                   /* rdi: top, rsi: entry */
        .cfi_startproc
        leaq    bide__switch_start(%rip), %rdx
        xorl    %eax, %eax
        movq    %rdx, -8(%rdi)          /* return address; rsp is then top */
        movq    %rax, -16(%rdi)         /* rbp and rbx: zero */
        movq    %rax, -24(%rdi)
        movq    %rsi, -32(%rdi)         /* r12: entry */
        movq    %rax, -40(%rdi)         /* r13, r14, r15: zero */
        movq    %rax, -48(%rdi)
        movq    %rax, -56(%rdi)
        leaq    -56(%rdi), %rax
        retq
        .cfi_endproc
        .size   bide__switch_prepare, . - bide__switch_prepare

        /*
         * Calls fn in a frame whose caller, as unwinders see it, is the
         * suspended context: rbx points at what bide__switch saved there, and
         * the table says that the caller's registers lie above it. Nothing of
         * that stack is touched, and fn runs on this one.
         */
        .globl  bide__switch_trace
        .hidden bide__switch_trace
        .type   bide__switch_trace, @function
        .p2align 4
bide__switch_trace:                     /* rdi: context, rsi: fn, rdx: arg */
        .cfi_startproc
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        movq    %rdi, %rbx
        movq    %rdx, %rdi
        .cfi_remember_state
        .cfi_def_cfa %rbx, 56
        .cfi_offset %rbp, -16
        .cfi_offset %rbx, -24
        .cfi_offset %r12, -32
        .cfi_offset %r13, -40
        .cfi_offset %r14, -48
        .cfi_offset %r15, -56
        callq   *%rsi
        .cfi_restore_state
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        movl    $1, %eax
        retq
        .cfi_endproc
        .size   bide__switch_trace, . - bide__switch_trace

        .section .note.GNU-stack, "", @progbits
