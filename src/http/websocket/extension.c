/* SPDX-License-Identifier: MIT */
/*
 * extension.c — the parameters of permessage-deflate: RFC 7692, 5 and 7.1.
 *
 * A server takes the first offer that it understands wholly; a client refuses
 * a reply that it does not. zlib compresses with a window of 9 bits or more:
 * who is asked for 8 receives compressed messages and sends others.
 */
#include "http/websocket/frame.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <bide/error.h>

#define NAME "permessage-deflate"
#define WINDOW_MIN 8
#define WINDOW_MAX 15

/* What one offer or reply says; 0 for a window that is not named, and
 * WINDOW_MAX for one without a value. */
struct words {
    bool server_forgets, client_forgets;
    int server_window, client_window;
    bool bare_server; /* server_max_window_bits without a value */
    bool bare_client;
};

static bool is(const char *text, size_t len, const char *name)
{
    return len == strlen(name) && strncasecmp(text, name, len) == 0;
}

/* "8" to "15", perhaps in quotes. Returns 0 if it is not. */
static int read_bits(const char *text, size_t len)
{
    if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
        text++;
        len -= 2;
    }
    if (len == 1 && text[0] >= '8' && text[0] <= '9')
        return text[0] - '0';
    if (len == 2 && text[0] == '1' && text[1] >= '0' && text[1] <= '5')
        return 10 + text[1] - '0';
    return 0;
}

static bool set_flag(bool *flag, bool has_value)
{
    bool sound = !*flag && !has_value;
    *flag = true;
    return sound;
}

static bool set_window(int *window, bool *bare, const char *value, size_t len)
{
    if (*window)
        return false;
    *bare = value == NULL;
    *window = value ? read_bits(value, len) : WINDOW_MAX;
    return *window > 0;
}

static bool note_parameter(struct words *words, const char *name, size_t len)
{
    const char *value = memchr(name, '=', len);
    size_t value_len = 0;
    if (value) {
        value_len = (size_t)(name + len - ++value);
        len -= value_len + 1;
    }
    if (is(name, len, "server_no_context_takeover"))
        return set_flag(&words->server_forgets, value);
    if (is(name, len, "client_no_context_takeover"))
        return set_flag(&words->client_forgets, value);
    if (is(name, len, "server_max_window_bits"))
        return set_window(&words->server_window, &words->bare_server, value,
                          value_len);
    if (is(name, len, "client_max_window_bits"))
        return set_window(&words->client_window, &words->bare_client, value,
                          value_len);
    return false;
}

static void trim(const char **text, size_t *len)
{
    while (*len > 0 && (**text == ' ' || **text == '\t')) {
        ++*text;
        --*len;
    }
    while (*len > 0 &&
           ((*text)[*len - 1] == ' ' || (*text)[*len - 1] == '\t'))
        --*len;
}

/* One element: "permessage-deflate; a; b=1". */
static bool understand(const char *element, size_t len, struct words *words)
{
    bool first = true;
    const char *end = element + len;
    *words = (struct words){.server_window = 0};
    while (element <= end) {
        const char *part = element;
        const char *semicolon = memchr(part, ';', (size_t)(end - part));
        size_t part_len = (size_t)((semicolon ? semicolon : end) - part);
        element = part + part_len + 1;
        trim(&part, &part_len);
        if (first ? !is(part, part_len, NAME)
                  : !note_parameter(words, part, part_len))
            return false;
        first = false;
    }
    return true;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static void agree(const struct words *words, int window, bool forget,
                  struct bide__deflate_terms *terms)
{
    int server = words->server_window ? words->server_window : WINDOW_MAX;
    *terms = (struct bide__deflate_terms){
        .agreed = true,
        .server_forgets = words->server_forgets || forget,
        .client_forgets = words->client_forgets || forget,
        .server_window = smaller(server, window),
        .client_window = words->client_window
                             ? smaller(words->client_window, window)
                             : WINDOW_MAX,
    };
}

static void describe(const struct words *words,
                     const struct bide__deflate_terms *terms, char *out,
                     size_t size)
{
    char server[40] = "", client[40] = "";
    if (words->server_window)
        snprintf(server, sizeof server, "; server_max_window_bits=%d",
                 terms->server_window);
    if (words->client_window)
        snprintf(client, sizeof client, "; client_max_window_bits=%d",
                 terms->client_window);
    snprintf(out, size, NAME "%s%s%s%s",
             terms->server_forgets ? "; server_no_context_takeover" : "",
             terms->client_forgets ? "; client_no_context_takeover" : "",
             server, client);
}

void bide__deflate_choose(const char *offers, int window, bool forget,
                          struct bide__deflate_terms *ret_terms,
                          char *ret_reply, size_t size)
{
    struct words words;
    const char *element;
    size_t len;
    ret_terms->agreed = false;
    ret_reply[0] = '\0';
    while (bide__list_next(&offers, &element, &len)) {
        if (!understand(element, len, &words) || words.bare_server)
            continue;
        agree(&words, window, forget, ret_terms);
        describe(&words, ret_terms, ret_reply, size);
        return;
    }
}

void bide__deflate_offer(int window, bool forget, char *ret_offer,
                         size_t size)
{
    char server[40] = "";
    if (window > 0 && window < WINDOW_MAX)
        snprintf(server, sizeof server, "; server_max_window_bits=%d", window);
    snprintf(ret_offer, size, NAME "; client_max_window_bits%s%s", server,
             forget ? "; server_no_context_takeover; "
                      "client_no_context_takeover"
                    : "");
}

int bide__deflate_accept(const char *reply, int window, bool forget,
                         struct bide__deflate_terms *ret_terms)
{
    struct words words;
    const char *element, *another;
    size_t len, another_len;
    const char *rest = reply;
    if (!bide__list_next(&rest, &element, &len))
        return 0;
    if (!understand(element, len, &words) || words.bare_server ||
        words.bare_client ||
        bide__list_next(&rest, &another, &another_len) ||
        (forget && !words.server_forgets) ||
        (window > 0 && window < WINDOW_MAX &&
         (words.server_window == 0 || words.server_window > window)))
        return bide_raise(-EPROTO,
                          "the server has extensions that were not offered: "
                          "\"%.100s\"",
                          reply);
    *ret_terms = (struct bide__deflate_terms){
        .agreed = true,
        .server_forgets = words.server_forgets,
        .client_forgets = words.client_forgets || forget,
        .server_window = words.server_window ? words.server_window
                                             : WINDOW_MAX,
        .client_window = words.client_window ? words.client_window
                                             : WINDOW_MAX,
    };
    return 0;
}
