/* SPDX-License-Identifier: MIT */
/*
 * 3_gather.c — many tasks, their results, and an error with its message. Try
 * to remove the word that is too long.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct word {
    const char *text;
    size_t len; /* the result */
};

static int measure(void *arg)
{
    struct word *word = arg;
    int rc = bide_sleep(0.01 * (double)strlen(word->text));
    if (rc < 0)
        return rc;
    word->len = strlen(word->text);
    if (word->len > 10)
        return bide_raise(-EMSGSIZE, "'%s' has %zu letters, at most 10",
                          word->text, word->len);
    return 0;
}

static int measure_all(struct word *words, size_t count)
{
    bide_task *tasks[8];
    for (size_t i = 0; i < count; i++)
        tasks[i] = bide_create_task(measure, &words[i]);
    return bide_gather(tasks, count);
}

static int demonstrate(void *arg)
{
    (void)arg;
    struct word good[] = {{"one", 0}, {"three", 0}, {"eleven", 0}};
    struct word bad[] = {{"extraordinary", 0}, {"unnecessarily long", 0}};
    int rc = measure_all(good, 3);
    if (rc < 0)
        return rc;
    printf("%zu + %zu + %zu letters\n", good[0].len, good[1].len, good[2].len);
    rc = measure_all(bad, 2);
    printf("%s: %s\n", bide_errname(rc), bide_errmsg(rc));
    return 0;
}

int main(void)
{
    return bide_run(demonstrate, NULL) < 0;
}

/* Expected output:
 *
 *     3 + 5 + 6 letters
 *     EMSGSIZE: 'extraordinary' has 13 letters, at most 10
 */
