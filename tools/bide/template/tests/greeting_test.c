/* Tests are coroutines. Time is virtual: no second really passes. */
#include <bide.h>
#include <bide/test.h>
#include <errno.h>

#include "greeting.h"

BIDE_TEST(a_greeting_names_the_guest)
{
    struct greeting greeting = {.name = "Ada"};
    BIDE_CHECK_OK(greet(&greeting));
    BIDE_CHECK_STR(greeting.text, "hello, Ada");
    return 0;
}

BIDE_TEST(many_are_greeted_in_the_time_of_one)
{
    struct greeting greetings[3] = {{.name = "a"}, {.name = "b"},
                                    {.name = "c"}};
    bide_task *tasks[3];
    double begin = bide_time();
    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(greet, &greetings[i]);
    BIDE_CHECK_OK(bide_gather(tasks, 3));
    BIDE_CHECK_NEAR(bide_time() - begin, 1, 0.001);
    return 0;
}

BIDE_TEST(an_empty_name_is_an_error)
{
    struct greeting greeting = {.name = ""};
    BIDE_CHECK_ERR(greet(&greeting), -EINVAL);
    return 0;
}
