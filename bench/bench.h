/* SPDX-License-Identifier: MIT */
/*
 * bench.h — what every benchmark program in C shares: clocks, numbers from
 * the command line, one way to give up.
 *
 * A program prints one line of `name=value` pairs separated by blanks, and
 * run.py reads it. Where nothing waits, time is processor time of the process
 * and not of the wall, so that what else runs on the machine disturbs least.
 */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline int64_t bench_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Processor time of this process in ns: user and system, all threads. */
static inline int64_t bench_cpu_ns(void)
{
    return bench_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static inline int64_t bench_wall_ns(void)
{
    return bench_clock(CLOCK_MONOTONIC);
}

__attribute__((noreturn, format(printf, 1, 2))) static inline void
bench_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

/* The position-th argument as a number within limits, or its default. */
static inline long bench_arg(int argc, char **argv, int position, long least,
                             long most, long otherwise)
{
    if (position >= argc)
        return otherwise;
    char *end;
    errno = 0;
    long value = strtol(argv[position], &end, 10);
    if (errno != 0 || *end != '\0' || end == argv[position] || value < least ||
        value > most)
        bench_die("%s: argument %d is \"%s\"; it must be %ld to %ld", argv[0],
                  position, argv[position], least, most);
    return value;
}

/* The position-th argument as a word, or its default. */
static inline const char *bench_word(int argc, char **argv, int position,
                                     const char *otherwise)
{
    return position < argc ? argv[position] : otherwise;
}

/* The next of a fixed sequence of numbers (xorshift), the same in each
 * program, so that all of them shuffle alike. */
static inline uint32_t bench_random(uint32_t *state)
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *state = x;
    return x;
}

#endif
