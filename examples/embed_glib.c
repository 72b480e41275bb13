/* SPDX-License-Identifier: MIT */
/*
 * embed_glib.c — bide inside GLib's main loop, as in a GTK program: a source
 * says how long the loop may wait, and steps it when its descriptor is ready.
 * Needs glib-2.0. Try g_timeout_add() beside it.
 */
#include <bide.h>
#include <glib.h>
#include <stdio.h>

static bide_loop *loop;

static gboolean prepare(GSource *source, gint *timeout_ms)
{
    (void)source;
    int64_t ns = bide_engine_timeout(bide_loop_engine(loop));
    *timeout_ms = ns == BIDE_FOREVER ? -1 : (gint)((ns + 999999) / 1000000);
    return ns == 0;
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    (void)source, (void)callback, (void)data;
    while (bide_loop_step(loop, 0) == 1)
        continue;
    return G_SOURCE_CONTINUE;
}

static int greet(void *arg) /* a coroutine: it may await anything */
{
    int rc = 0;
    for (int i = 1; i <= 3 && rc >= 0; i++) {
        rc = bide_sleep(0.02);
        printf("hello %d\n", i);
    }
    g_main_loop_quit(arg);
    return rc;
}

static void begin(void *arg)
{
    bide_task_detach(bide_create_task(greet, arg));
}

int main(void)
{
    static GSourceFuncs functions = {.prepare = prepare, .dispatch = dispatch};
    GMainLoop *host = g_main_loop_new(NULL, FALSE);
    GSource *source = g_source_new(&functions, sizeof *source);
    if (bide_loop_new(NULL, &loop) < 0 ||
        bide_loop_call_soon(loop, NULL, begin, host) < 0)
        return 1;
    int fd = bide_engine_fileno(bide_loop_engine(loop));
    g_source_add_unix_fd(source, fd, G_IO_IN);
    g_source_attach(source, NULL);
    g_main_loop_run(host);
    g_source_destroy(source);
    g_source_unref(source);
    g_main_loop_unref(host);
    bide_loop_close(loop);
    return 0;
}
