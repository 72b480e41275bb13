#include "greeting.h"

#include <bide.h>
#include <errno.h>
#include <stdio.h>

int greet(void *arg)
{
    struct greeting *greeting = arg;
    if (!*greeting->name)
        return bide_raise(-EINVAL, "nobody has an empty name");
    int rc = bide_sleep(1);
    if (rc < 0)
        return rc; /* cancelled: clean up here, and pass it on */
    snprintf(greeting->text, sizeof greeting->text, "hello, %s",
             greeting->name);
    return 0;
}
