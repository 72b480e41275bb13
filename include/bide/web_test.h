/* SPDX-License-Identifier: MIT */
/*
 * <bide/web_test.h> — a client that talks to an application in the same
 * program, without a network. Link with libbide-web.
 *
 *     bide_web_client *client;
 *     bide_web_response response;
 *     rc = bide_web_client_open(app, &client);
 *     rc = bide_web_client_get(client, "/users/1", &response);
 *     assert(response.status == 200);
 *     rc = bide_web_client_post(client, "/users", "{\"name\":\"Ada\"}",
 *                               &response);
 *     assert(response.status == 201);
 *     rc = bide_web_client_close(client);
 *
 * Requests and replies are those of HTTP, written and parsed as ever, over a
 * pair of connected streams. With the backend `sim` a test that waits takes no
 * time. Opening begins the application's life, closing ends it, background
 * tasks included. Cookies are kept, and sent again.
 */
#ifndef BIDE_WEB_TEST_H
#define BIDE_WEB_TEST_H

#include <bide/web_app.h>

BIDE_BEGIN

typedef struct bide_web_client bide_web_client;

/* A request. Zeroed means: the defaults. */
typedef struct bide_web_client_options {
    const char *method;  /* NULL: "GET" */
    const char *headers; /* lines that each end in "\r\n", NULL: none */
    const char *type;    /* Content-Type, NULL: none */
    const void *body;    /* NULL: none */
    size_t len;          /* bytes of body */
    void *reserved[8];   /* zero */
} bide_web_client_options;

/* A reply. What it points to is the client's, until that is closed. */
typedef struct bide_web_response {
    int status;
    const char *head; /* the headers as they came */
    const char *body; /* with a NUL behind it */
    size_t len;       /* bytes of body */
} bide_web_response;

/*
 * bide_web_client_open — begin an application's life, without listening.
 *
 * Returns:  0 or a negative code.
 *   app          not running
 *   ret_client   set on success
 * Suspends: always a cancellation point.
 * Cancel:   safe; what had begun was ended.
 * Errors:   as bide_web_start()
 * Owns:     the caller ends it by bide_web_client_close(), before it frees the
 *           app.
 * Thread:   the loop's.
 * Like:     with TestClient(app) as client.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_web_client_open(bide_web_app *app, bide_web_client **ret_client);

/*
 * bide_web_client_close — wait for background tasks and end the app's life.
 *
 * Returns:  as bide_web_stop().
 *   client   without a request in progress; NULL is allowed
 * Suspends: always; a request to cancel is delivered after the last step.
 * Cancel:   background tasks are cancelled at once; the rest is done.
 * Errors:   as bide_web_stop()
 * Owns:     takes the client; responses are gone.
 * Thread:   the loop's.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_web_client_close(bide_web_client *client);

/*
 * bide_web_client_request — send a request and receive the reply.
 *
 * Several tasks may do so at once.
 *
 * Returns:  0 or a negative code; a status is no error.
 *   target         "/path?query", as it is sent
 *   options        borrowed during the call; NULL means the defaults
 *   ret_response   set on success
 * Suspends: always a cancellation point.
 * Cancel:   the connection is cut off, and the handler cancelled.
 * Errors:   BIDE_E_INCOMPLETE the application has cut the connection off;
 *           -EMSGSIZE a reply of more than 64 MiB; -EBADMSG one that is not
 *           HTTP; -EMFILE, -ENOMEM
 * Thread:   the loop's.
 * Like:     TestClient.request.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_web_client_request(bide_web_client *client, const char *target,
                        const bide_web_client_options *options,
                        bide_web_response *ret_response);

/*
 * bide_web_client_get — the same for GET.
 *
 * Returns:  as bide_web_client_request().
 * Suspends: always a cancellation point.
 * Cancel:   as bide_web_client_request()
 * Errors:   as bide_web_client_request()
 * Thread:   the loop's.
 * Like:     TestClient.get.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_web_client_get(bide_web_client *client, const char *target,
                    bide_web_response *ret_response);

/*
 * bide_web_client_post — the same for POST, of JSON.
 *
 * Returns:  as bide_web_client_request().
 *   json   the text of a document
 * Suspends: always a cancellation point.
 * Cancel:   as bide_web_client_request()
 * Errors:   as bide_web_client_request()
 * Thread:   the loop's.
 * Like:     TestClient.post(json=).
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_web_client_post(bide_web_client *client, const char *target,
                     const char *json, bide_web_response *ret_response);

/*
 * bide_web_client_connect — a connection to the application, for what is more
 * than a request and a reply.
 *
 * Returns:  0 or a negative code.
 *   ret_stream   set on success
 * Suspends: never.
 * Errors:   -EMFILE, -ENOMEM
 * Owns:     the caller closes it, before the client.
 * Thread:   the loop's.
 */
BIDE_API BIDE_NODISCARD int bide_web_client_connect(bide_web_client *client,
                                                    bide_stream **ret_stream);

/*
 * bide_web_response_header — a header of a reply.
 *
 * Returns:  the first value of that name, the client's until that is closed;
 *           NULL if there is none.
 *   name   in any case of letters
 * Suspends: never.
 * Thread:   the loop's.
 */
BIDE_API const char *bide_web_response_header(const bide_web_response *response,
                                              const char *name);

BIDE_END

#endif
