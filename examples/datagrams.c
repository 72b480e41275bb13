/* SPDX-License-Identifier: MIT */
/*
 * datagrams.c — UDP: a question, an answer, and a limit for waiting, because
 * datagrams may get lost. Try not to start the task that answers.
 */
#include <bide.h>
#include <netinet/in.h>
#include <stdio.h>

static int answer(void *arg)
{
    char buf[64];
    struct sockaddr_storage from;
    size_t from_len;
    ssize_t n = bide_datagram_recvfrom(arg, buf, sizeof buf, &from, &from_len);
    if (n < 0)
        return (int)n;
    return bide_datagram_sendto(arg, buf, (size_t)n, &from, from_len);
}

static int ask(void *arg)
{
    char buf[64];
    int rc = bide_datagram_send(arg, "ping", 4);
    if (rc < 0)
        return rc;
    ssize_t n = bide_datagram_recv(arg, buf, sizeof buf);
    if (n >= 0)
        printf("it came back: %.*s\n", (int)n, buf);
    return n < 0 ? (int)n : 0;
}

static int amain(void *arg)
{
    bide_datagram_options options = {.local_host = "127.0.0.1"};
    struct sockaddr_storage address;
    bide_datagram *server, *client = NULL;
    (void)arg;
    int rc = bide_datagram_open(&options, &server);
    if (rc < 0)
        return rc;
    rc = bide_datagram_sockname(server, &address);
    options.remote_host = "127.0.0.1";
    options.remote_port = ntohs(((struct sockaddr_in *)&address)->sin_port);
    if (rc >= 0)
        rc = bide_datagram_open(&options, &client);
    bide_task *task = bide_create_task(answer, server);
    if (rc == 0)
        rc = bide_wait_for(ask, client, 1.0);
    bide_task_cancel(task);
    int answered = bide_await(task);
    bide_datagram_close(client);
    bide_datagram_close(server);
    return rc < 0 ? rc : answered;
}

int main(void)
{
    return bide_run(amain, NULL) < 0;
}
