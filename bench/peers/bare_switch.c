/* SPDX-License-Identifier: MIT */
/*
 * bare_switch.c — the limit for switching between two coroutines: store six
 * registers, change the stack pointer, load six registers, jump.
 *
 * No scheduler, no queue, no cancellation: two stacks that hand over to each
 * other. It ends in `pop; jmp` and not in `ret`, because a return that does
 * not match its call is mispredicted.
 *
 *     bare_switch [switches]
 */
#include "../bench.h"

#if !defined(__x86_64__)
#error "bare_switch.c knows x86-64 only"
#endif

void bare_switch(void **save, void *load);

__asm__(".text\n"
        ".p2align 6\n"
        ".globl bare_switch\n"
        ".type bare_switch, @function\n"
        "bare_switch:\n"
        "    push %rbp\n"
        "    push %rbx\n"
        "    push %r12\n"
        "    push %r13\n"
        "    push %r14\n"
        "    push %r15\n"
        "    mov %rsp, (%rdi)\n"
        "    mov %rsi, %rsp\n"
        "    pop %r15\n"
        "    pop %r14\n"
        "    pop %r13\n"
        "    pop %r12\n"
        "    pop %rbx\n"
        "    pop %rbp\n"
        "    pop %rcx\n"
        "    jmp *%rcx\n"
        ".size bare_switch, .-bare_switch\n");

static void *main_sp;
static void *other_sp;

static void other(void)
{
    for (;;)
        bare_switch(&other_sp, main_sp);
}

int main(int argc, char **argv)
{
    long switches = bench_arg(argc, argv, 1, 2, 2000000000, 20000000);
    static void *stack[4096] __attribute__((aligned(64)));
    void **top = stack + 4096;
    *--top = NULL;             /* what other() would return to: it never does;
                                  keeps the stack aligned as after a call */
    *--top = (void *)(uintptr_t)other;
    other_sp = top - 6;        /* six registers of no interest */

    for (long i = 0; i < switches / 20; i++)
        bare_switch(&main_sp, other_sp);
    int64_t begin = bench_cpu_ns();
    for (long i = 0; i < switches / 2; i++)
        bare_switch(&main_sp, other_sp);
    double ns = (double)(bench_cpu_ns() - begin);
    printf("ns=%.3f\n", ns / (double)switches);
    return 0;
}
