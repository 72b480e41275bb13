/* SPDX-License-Identifier: MIT */
/* entry.c — main() of a test program. In a file of its own: a program that
 * has one takes nothing from here. */
#include <bide/test.h>

BIDE_API int main(int argc, char **argv);

int main(int argc, char **argv)
{
    return bide_test_main(argc, argv);
}
