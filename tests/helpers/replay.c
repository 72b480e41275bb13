/* SPDX-License-Identifier: MIT */
/*
 * replay.c — main() of a fuzz target where there is no libFuzzer: gives it
 * each file of a directory in turn.
 *
 *     fuzz_NAME DIRECTORY
 */
#include <dirent.h>
#include <stdio.h>

#include "fuzz/fuzz.h"

#define INPUT_MAX 1048576

static unsigned char data[INPUT_MAX];

static int replay(const char *directory, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    size_t len = fread(data, 1, sizeof data, file);
    fclose(file);
    printf("%s: %zu bytes\n", name, len);
    fflush(stdout); /* should it crash, this says on what */
    return LLVMFuzzerTestOneInput(data, len);
}

int main(int argc, char **argv)
{
    DIR *inputs = argc == 2 ? opendir(argv[1]) : NULL;
    int failed = 0;
    int count = 0;
    if (!inputs) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    for (struct dirent *entry; (entry = readdir(inputs));) {
        if (entry->d_name[0] == '.')
            continue;
        failed |= replay(argv[1], entry->d_name);
        count++;
    }
    closedir(inputs);
    if (count == 0)
        fprintf(stderr, "%s has no input\n", argv[1]);
    return failed || count == 0;
}
