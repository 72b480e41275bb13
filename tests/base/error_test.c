/* SPDX-License-Identifier: MIT */
/* error_test.c — codes, their names, and messages that never go stale. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <bide/error.h>

#include "test.h"

TEST(a_message_is_read_with_its_own_code_only)
{
    CHECK_INT(bide_raise(-EINVAL, "width %d, at most %d", 9, 8), -EINVAL);
    CHECK_STR(bide_errmsg(-EINVAL), "width 9, at most 8");
    CHECK_STR(bide_errmsg(-EIO), "Input/output error");
}

TEST(a_later_message_replaces_an_earlier_one)
{
    (void)bide_raise(-EINVAL, "first");
    (void)bide_raise(-EIO, "second");
    CHECK_STR(bide_errmsg(-EIO), "second");
    CHECK_STR(bide_errmsg(-EINVAL), "Invalid argument");
}

TEST(a_message_may_quote_the_one_before_it)
{
    int rc = bide_raise(-EIO, "disk 7");
    (void)bide_raise(rc, "reading: %s", bide_errmsg(rc));
    CHECK_STR(bide_errmsg(rc), "reading: disk 7");
}

TEST(a_message_that_is_too_long_is_cut_and_says_so)
{
    char text[BIDE_ERRMSG_MAX + 50];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    (void)bide_raise(-EIO, "%s", text);
    const char *message = bide_errmsg(-EIO);
    CHECK_INT(strlen(message), BIDE_ERRMSG_MAX - 1);
    CHECK_STR(message + BIDE_ERRMSG_MAX - 5, "x...");
}

TEST(a_message_that_just_fits_is_not_cut)
{
    char text[BIDE_ERRMSG_MAX];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    (void)bide_raise(-EIO, "%s", text);
    CHECK_STR(bide_errmsg(-EIO), text);
}

static void *raise_elsewhere(void *arg)
{
    (void)bide_raise(-EIO, "of another thread");
    return arg;
}

TEST(threads_do_not_see_each_others_messages)
{
    pthread_t thread;
    (void)bide_raise(-EIO, "of this thread");
    if (!CHECK_INT(pthread_create(&thread, NULL, raise_elsewhere, NULL), 0))
        return;
    pthread_join(thread, NULL);
    CHECK_STR(bide_errmsg(-EIO), "of this thread");
}

TEST(every_code_has_its_name_and_its_text)
{
#define CHECK_CODE(name, code, text)                                          \
    CHECK_STR(bide_errname(code), "BIDE_E_" #name);                           \
    CHECK_STR(bide_strerror(code), text);
    BIDE_ERRORS(CHECK_CODE)
#undef CHECK_CODE
    CHECK_STR(bide_errname(-ETIME), "ETIME");
    CHECK_STR(bide_errname(-ECANCELED), "ECANCELED");
}

TEST(what_is_no_error_or_an_unknown_one_has_a_text_too)
{
    CHECK_STR(bide_errname(0), "OK");
    CHECK_STR(bide_errname(17), "OK");
    CHECK_STR(bide_strerror(0), "success");
    CHECK_STR(bide_errname(-4000), "unknown error");
    CHECK_STR(bide_strerror(-4000), "unknown error");
    CHECK_STR(bide_errname(-5000), "unknown error");
    CHECK_STR(bide_errmsg(-5000), "unknown error");
}
