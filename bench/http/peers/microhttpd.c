/* SPDX-License-Identifier: MIT */
/*
 * microhttpd.c — the same by libmicrohttpd: one thread, on epoll.
 *
 *     microhttpd PORT
 */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection,
                              const char *url, const char *method,
                              const char *version, const char *data,
                              size_t *size, void **state)
{
    static char hello[] = "Hello, World!", json[64];
    char *text = hello;
    const char *type = "text/plain";
    (void)arg, (void)method, (void)version, (void)data, (void)size;
    (void)state;
    if (strcmp(url, "/json") == 0) {
        snprintf(json, sizeof json, "{\"message\":\"%s\"}", hello);
        text = json;
        type = "application/json";
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), text, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, "Content-Type", type);
    enum MHD_Result rc = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return rc;
}

int main(int argc, char **argv)
{
    int port = argc > 1 ? atoi(argv[1]) : 8080;
    if (!MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, (uint16_t)port, NULL,
                          NULL, answer, NULL, MHD_OPTION_CONNECTION_LIMIT,
                          20000U, MHD_OPTION_END))
        return 1;
    for (;;)
        pause();
}
