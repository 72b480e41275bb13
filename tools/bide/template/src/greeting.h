/* greeting.h — finding words for somebody. */
#ifndef GREETING_H
#define GREETING_H

struct greeting {
    const char *name;
    char text[80]; /* set by greet() */
};

/* A coroutine; arg is a struct greeting. Takes a second to think. */
int greet(void *arg);

#endif
