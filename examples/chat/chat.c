/* SPDX-License-Identifier: MIT */
/*
 * chat.c — a chat room for browsers, over WebSocket.
 *
 *     chat [PORT [DIRECTORY]]     DIRECTORY has chat.html
 *
 * The first message of a connection is a name; the others are said to all.
 * Each connection has a handler, which waits for what its member says and
 * sends it to the rest. A member who does not read is shown out: nobody waits
 * for the slowest.
 */
#include <bide.h>
#include <bide/http.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 40    /* bytes */
#define SLOW 32768         /* bytes that wait for a member */
#define TEXT_MAX 4096      /* bytes of a message */

/* Somebody in the room; in the frame of the handler. */
struct member {
    struct member *next, **place;
    bide_websocket *ws;
    char name[NAME_MAX_LEN + 1];
};

struct room {
    struct member *members;
    bide_lock lock; /* held while the members are walked or changed */
    bide_http_files *files;
};

/* ── The room ─────────────────────────────────────────────────────────── */

/* [tell] */
/* Say something to all. Sending copies, and waits for nobody who is not slow;
 * who has gone is noticed by the member's own handler. */
static int tell_all(struct room *room, const char *text)
{
    int rc = bide_lock_acquire(&room->lock);
    if (rc < 0)
        return rc;
    for (struct member *one = room->members; one && rc != -ECANCELED;
         one = one->next) {
        if (bide_websocket_buffered(one->ws) < SLOW)
            rc = bide_websocket_send_text(one->ws, text);
        else
            rc = bide_websocket_shutdown(one->ws, 1008, "too slow");
    }
    bide_lock_release(&room->lock);
    return rc == -ECANCELED ? rc : 0;
}
/* [tell] */

static int say(struct room *room, const char *format, const char *name,
               const char *text)
{
    char line[NAME_MAX_LEN + TEXT_MAX + 32];
    snprintf(line, sizeof line, format, name, text);
    return tell_all(room, line);
}

static int enter(struct room *room, struct member *member)
{
    int rc = bide_lock_acquire(&room->lock);
    if (rc < 0)
        return rc;
    member->next = room->members;
    member->place = &room->members;
    if (member->next)
        member->next->place = &member->next;
    room->members = member;
    bide_lock_release(&room->lock);
    return say(room, "* %s has come%s", member->name, "");
}

/* Also who is cancelled has to leave. */
static void leave(struct room *room, struct member *member)
{
    while (bide_lock_acquire(&room->lock) < 0)
        continue;
    *member->place = member->next;
    if (member->next)
        member->next->place = member->place;
    bide_lock_release(&room->lock);
}

/* ── Members ──────────────────────────────────────────────────────────── */

static int talk(struct room *room, struct member *member)
{
    bide_websocket_message message;
    int rc;
    while ((rc = bide_websocket_receive(member->ws, &message)) > 0) {
        rc = say(room, "%s: %s", member->name, message.data);
        if (rc < 0)
            break;
    }
    return rc;
}

/* [join] */
static int join(bide_http_request *request, struct room *room)
{
    static const bide_websocket_options options = {
        .message = TEXT_MAX,
        .heartbeat = 30,
        .origins = "same",
    };
    struct member member = {.next = NULL};
    bide_websocket_message message;
    int rc = bide_websocket_accept(request, &options, &member.ws);
    if (rc < 0)
        return rc;
    rc = bide_websocket_receive(member.ws, &message);
    if (rc > 0 && (message.len == 0 || message.len > NAME_MAX_LEN))
        rc = bide_websocket_shutdown(member.ws, 1008, "no such name");
    if (rc > 0) {
        snprintf(member.name, sizeof member.name, "%s", message.data);
        rc = enter(room, &member);
        if (rc == 0)
            rc = talk(room, &member);
        leave(room, &member);
        int said = say(room, "* %s has gone%s", member.name, "");
        rc = rc < 0 ? rc : said;
    }
    int closed = bide_websocket_close(member.ws, 1001, "good-bye");
    return rc == -ECANCELED ? rc : closed; /* others are the client's doing */
}
/* [join] */

/* ── The server ───────────────────────────────────────────────────────── */

static int handle(bide_http_request *request, void *arg)
{
    struct room *room = arg;
    const char *target = bide_http_request_target(request);
    if (strcmp(target, "/chat") == 0)
        return join(request, room);
    if (strcspn(target, "?") == 1) /* "/", perhaps with a query */
        return bide_http_reply_file(request, room->files, "chat.html", NULL);
    return bide_http_reply(request, 404, "text/plain", "not here\n", 9);
}

struct arguments {
    int port;
    const char *directory;
};

static int amain(void *arg)
{
    const struct arguments *arguments = arg;
    struct room room = {.members = NULL};
    bide_http_server *server;
    int rc = bide_http_files_open(arguments->directory, NULL, &room.files);
    if (rc < 0)
        return rc;
    rc = bide_http_serve("127.0.0.1", arguments->port, handle, &room, NULL,
                         &server);
    if (rc == 0) {
        printf("http://127.0.0.1:%d/\n", bide_http_server_port(server));
        fflush(stdout);
        rc = bide_signal_wait(SIGINT);
        int closed = bide_http_server_close(server);
        rc = rc < 0 ? rc : closed;
    }
    bide_http_files_close(room.files);
    return rc;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {
        argc > 1 ? atoi(argv[1]) : 8080,
        argc > 2 ? argv[2] : ".",
    };
    int rc = bide_run(amain, &arguments);
    if (rc < 0 && rc != -ECANCELED)
        fprintf(stderr, "chat: %s\n", bide_errmsg(rc));
    return rc < 0 && rc != -ECANCELED;
}
