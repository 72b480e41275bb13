/* SPDX-License-Identifier: MIT */
/* server.h — a web server that takes a second for every answer. */
#ifndef DEMO_SERVER_H
#define DEMO_SERVER_H

/* Start it in a process of its own. Returns its port, or a negative code. */
int demo_server_start(void);

/* End it. */
void demo_server_stop(void);

#endif
