/* SPDX-License-Identifier: MIT */
/* message_test.c — messages from one side of ours to the other. */
#include "websocket.h"

/* ── Echo ─────────────────────────────────────────────────────────────── */

/* A text of some kind and size, and its echo. */
static void trade(bide_websocket *ws, const char *data, size_t len,
                  enum bide_websocket_kind kind)
{
    bide_websocket_message message = {.len = 0};
    CHECK_OK(bide_websocket_send(ws, kind, data, len));
    CHECK_INT(bide_websocket_receive(ws, &message), kind);
    CHECK_INT(message.kind, kind);
    if (CHECK_INT(message.len, len)) {
        CHECK_MEM(message.data, data, len);
        CHECK_INT(message.data[len], 0);
    }
}

static void trade_sizes(struct serving *serving,
                        const bide_websocket_options *options)
{
    static const size_t sizes[] = {0,     1,     31,    32,    125,   126,
                                   2047,  2048,  2049,  16384, 16385, 65535,
                                   65536, 70000, 300000};
    bide_http_server *server = serve(echo_messages, serving, NULL);
    bide_websocket *ws = join(server, options);
    char *data = bide_allocate(300000);
    for (size_t i = 0; i < 300000; i++)
        data[i] = (char)('a' + (i * i / 3) % 26);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        trade(ws, data, sizes[i], BIDE_WEBSOCKET_TEXT);
        trade(ws, data, sizes[i], BIDE_WEBSOCKET_BINARY);
    }
    CHECK_INT(bide_websocket_compressed(ws),
              serving->options.compress && options && options->compress);
    bide_release(data);
    CHECK_OK(bide_websocket_close(ws, 1000, "done"));
    CHECK_OK(bide_http_server_close(server));
    CHECK_INT(serving->result, 0);
    CHECK_INT(serving->close_code, 1000);
    CHECK_STR(serving->close_reason, "done");
}

static int amain_sizes(void *arg)
{
    struct serving serving = {.result = -1};
    (void)arg;
    trade_sizes(&serving, NULL);
    return 0;
}

TEST(messages_of_all_sizes_come_back)
{
    run_clean(amain_sizes);
}

static int amain_compressed(void *arg)
{
    (void)arg;
    for (int forget = 0; forget < 4; forget++) {
        struct serving serving = {
            .options = {.compress = true, .forget = forget & 1},
        };
        const bide_websocket_options options = {
            .compress = true,
            .forget = forget & 2,
            .window = 9 + 3 * (forget / 2),
        };
        trade_sizes(&serving, &options);
    }
    return 0;
}

TEST(compressed_messages_come_back)
{
    run_clean(amain_compressed);
}

/* ── Many at once ─────────────────────────────────────────────────────── */

struct talker {
    bide_websocket *ws;
    char letter;
    int count;
};

/* Sends long and short messages of one letter. */
static int talk(void *arg)
{
    struct talker *talker = arg;
    char *text = bide_allocate(40001);
    for (int i = 0; i < talker->count; i++) {
        size_t len = i % 5 == 0 ? 40000 : 100;
        memset(text, talker->letter, len);
        text[len] = '\0';
        CHECK_OK(bide_websocket_send_text(talker->ws, text));
    }
    bide_release(text);
    return 0;
}

static bool is_of_one_letter(const bide_websocket_message *message)
{
    return message->data[strspn(message->data,
                                (char[]){message->data[0], '\0'})] == '\0' &&
           strlen(message->data) == message->len;
}

static int amain_many(void *arg)
{
    struct serving serving = {.result = -1};
    bide_http_server *server = serve(echo_messages, &serving, NULL);
    bide_websocket *ws = join(server, NULL);
    struct talker talkers[4];
    bide_task *tasks[4];
    bide_websocket_message message;
    int seen[26] = {0};
    (void)arg;
    for (int i = 0; i < 4; i++) {
        talkers[i] = (struct talker){ws, (char)('a' + i), 50};
        tasks[i] = bide_create_task(talk, &talkers[i]);
    }
    for (int i = 0; i < 200; i++) {
        if (!CHECK_INT(bide_websocket_receive(ws, &message),
                       BIDE_WEBSOCKET_TEXT) ||
            !CHECK(is_of_one_letter(&message)))
            break;
        int who = message.data[0] - 'a';
        CHECK_INT(message.len, seen[who] % 5 == 0 ? 40000 : 100);
        seen[who]++;
    }
    CHECK_OK(bide_gather(tasks, 4));
    CHECK_OK(bide_websocket_close(ws, 0, NULL));
    CHECK_OK(bide_http_server_close(server));
    CHECK_INT(serving.close_code, 1005);
    return 0;
}

TEST(messages_of_many_tasks_stay_whole_and_in_order)
{
    run_clean(amain_many);
}

/* ── Bombs ────────────────────────────────────────────────────────────── */

static int amain_bomb(void *arg)
{
    struct serving serving = {.options = {.compress = true}};
    const bide_websocket_options options = {.compress = true};
    const size_t len = (4 << 20) + 1; /* one more than may be */
    bide_http_server *server = serve(echo_messages, &serving, NULL);
    bide_websocket *ws = join(server, &options);
    bide_websocket_message message;
    (void)arg;
    char *zeros = bide_allocate(len);
    memset(zeros, 0, len);
    CHECK_OK(bide_websocket_send_binary(ws, zeros, len));
    bide_release(zeros);
    CHECK_INT(bide_websocket_receive(ws, &message), 0);
    CHECK_INT(bide_websocket_close_code(ws), 1009);
    CHECK_STR(bide_websocket_close_reason(ws),
              "a message is larger than 4194304 bytes");
    CHECK_OK(bide_websocket_close(ws, 1000, NULL));
    CHECK_OK(bide_http_server_close(server));
    CHECK_INT(serving.result, -EMSGSIZE);
    return 0;
}

TEST(a_little_that_becomes_much_is_refused)
{
    run_clean(amain_bomb);
}
