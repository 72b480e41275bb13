/* SPDX-License-Identifier: MIT */
/*
 * protocol_test.c — what a server does with frames of all kinds, by tables:
 * framing, pings, reserved bits, opcodes, fragments, UTF-8, Closes, limits,
 * compression.
 *
 * A case is frames that a client sends, and the transcript of what it hears:
 * T, B, P (pong) and C (Close) with their data, or its length where that is
 * long. Each is sent at once, and byte by byte.
 */
#include "websocket.h"

struct sent {
    int first;        /* -1: the data is sent as it is */
    const char *data;
    int len;          /* -1: a string */
};

struct exchange {
    const char *name;
    struct sent sent[8];
    const char *heard;
    bool compress;
};

#define TEXT(data) {0x81, data, -1}
#define BINARY(data) {0x82, data, -1}
#define CLOSE(data) {0x88, data, -1}
#define CLOSED {0x88, "\x03\xe8", -1}
#define RAW(data) {-1, data, sizeof(data) - 1}
#define SIXTEEN "0123456789abcdef"
#define LONG_125                                                              \
    SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN "0123456789abc"

/* ── Transcripts ──────────────────────────────────────────────────────── */

static void note_close(char *out, size_t size, const char *data, size_t len)
{
    if (len < 2)
        snprintf(out, size, "C ");
    else
        snprintf(out, size, "C%d ",
                 (unsigned char)data[0] << 8 | (unsigned char)data[1]);
}

/* What comes up to the end of the connection. */
static void hear_all_frames(bide_stream *stream, char *out, size_t size)
{
    static char data[80000];
    size_t len = 0;
    int first = 1;
    *out = '\0';
    while ((first = hear_frame(stream, data, sizeof data, &len)) > 0) {
        size_t used = strlen(out);
        if ((first & 15) == 8)
            note_close(out + used, size - used, data, len);
        else if (len > 20)
            snprintf(out + used, size - used, "%c[%zu] ",
                     " TB      pP"[first & 15], len);
        else
            snprintf(out + used, size - used, "%c%.20s ",
                     " TB      pP"[first & 15], data);
    }
    CHECK(first == BIDE_E_INCOMPLETE);
}

static size_t make_frames(const struct exchange *exchange, char *out)
{
    size_t at = 0;
    for (const struct sent *one = exchange->sent; one->data; one++) {
        size_t len = one->len < 0 ? strlen(one->data) : (size_t)one->len;
        if (one->first >= 0) {
            at += put_frame(out + at, one->first, one->data, len);
        } else {
            memcpy(out + at, one->data, len);
            at += len;
        }
    }
    return at;
}

/* ── Running them ─────────────────────────────────────────────────────── */

/* Later bytes may find that the server has refused the earlier ones. */
static void send_in_pieces(bide_stream *stream, const char *data, size_t len,
                           size_t piece)
{
    for (size_t at = 0; at < len; at += piece) {
        size_t n = len - at < piece ? len - at : piece;
        if (bide_stream_write(stream, data + at, n) < 0)
            break;
        CHECK_OK(bide_sleep(0));
    }
}

static int try_one(const struct exchange *exchange, size_t piece)
{
    struct serving serving = {
        .options = {.message = 70000, .fragments = 20,
                    .compress = exchange->compress},
    };
    static char frames[8 * 70000];
    char heard[512], answer[1024];
    bide_http_server *server = serve(echo_messages, &serving, NULL);
    bide_stream *stream = dial_up(
        server,
        exchange->compress
            ? "Sec-WebSocket-Extensions: permessage-deflate\r\n"
            : "",
        answer, sizeof answer);
    send_in_pieces(stream, frames, make_frames(exchange, frames), piece);
    hear_all_frames(stream, heard, sizeof heard);
    bide_stream_close(stream);
    CHECK_OK(bide_http_server_close(server));
    if (strcmp(heard, exchange->heard) != 0) {
        CHECK_STR(heard, exchange->heard);
        CHECK_STR(exchange->name, piece == 1 ? "byte by byte" : "at once");
    }
    return 0;
}

static int amain_table(void *arg)
{
    bide_timeout timeout;
    int rc = 0;
    for (const struct exchange *one = arg; one->name; one++) {
        for (int bytes = 0; bytes < 2; bytes++) {
            bide_timeout_enter(&timeout, 8);
            rc = try_one(one, bytes ? 1 : 100000);
            rc = bide_timeout_exit(&timeout, rc);
            if (!CHECK_OK(rc))
                CHECK_STR(one->name, "in time");
        }
    }
    return rc;
}

static void run_table(const struct exchange *table)
{
    run_clean_with(amain_table, (void *)(uintptr_t)table, NULL);
}

/* ── Tables ───────────────────────────────────────────────────────────── */

TEST(frames_and_pings)
{
    static const struct exchange table[] = {
        {"empty", {TEXT(""), BINARY(""), CLOSED}, "T B C1000 ", false},
        {"short", {TEXT("Hello"), CLOSED}, "THello C1000 ", false},
        {"125", {TEXT(LONG_125), CLOSED}, "T[125] C1000 ", false},
        {"126", {TEXT(LONG_125 "d"), CLOSED}, "T[126] C1000 ", false},
        {"ping", {{0x89, "", -1}, CLOSED}, "P C1000 ", false},
        {"ping with data", {{0x89, "data", -1}, CLOSED}, "Pdata C1000 ",
         false},
        {"ping of 125", {{0x89, LONG_125, -1}, CLOSED}, "P[125] C1000 ",
         false},
        {"ping of 126", {{0x89, LONG_125 "d", -1}}, "C1002 ", false},
        {"pings in a row", {{0x89, "1", -1}, {0x89, "2", -1}, CLOSED},
         "P1 P2 C1000 ", false},
        {"pong unasked", {{0x8a, "x", -1}, {0x89, "y", -1}, CLOSED},
         "Py C1000 ", false},
        {"ping behind a Close", {CLOSED, {0x89, "x", -1}}, "C1000 ", false},
        {"text behind a Close", {CLOSED, TEXT("x")}, "C1000 ", false},
        {NULL, {{0, NULL, 0}}, NULL, false},
    };
    run_table(table);
}

TEST(reserved_bits_and_opcodes)
{
    static const struct exchange table[] = {
        {"RSV1", {TEXT("a"), {0xc1, "b", -1}}, "Ta C1002 ", false},
        {"RSV2", {TEXT("a"), {0xa1, "b", -1}}, "Ta C1002 ", false},
        {"RSV3", {{0x91, "b", -1}}, "C1002 ", false},
        {"RSV1 of a ping", {{0xc9, "b", -1}}, "C1002 ", false},
        {"RSV3 of a Close", {{0x98, "b", -1}}, "C1002 ", false},
        {"opcode 3", {TEXT("a"), {0x83, "b", -1}}, "Ta C1002 ", false},
        {"opcode 4", {{0x84, "", -1}}, "C1002 ", false},
        {"opcode 7", {{0x87, "b", -1}, {0x89, "p", -1}}, "C1002 ", false},
        {"opcode 11", {{0x8b, "b", -1}}, "C1002 ", false},
        {"opcode 15", {{0x8f, "b", -1}}, "C1002 ", false},
        {"no mask", {RAW("\x81\x01x")}, "C1002 ", false},
        {"a length of 8 bytes too long", {RAW("\x82\xff\0\0\0\0\0\0\0\x01"
                                              "....x")},
         "C1002 ", false},
        {"a length beyond all", {RAW("\x82\xff\xff\xff\xff\xff\xff\xff\xff"
                                     "\xff....")},
         "C1002 ", false},
        {NULL, {{0, NULL, 0}}, NULL, false},
    };
    run_table(table);
}

TEST(fragments)
{
    static const struct exchange table[] = {
        {"two", {{0x01, "frag", -1}, {0x80, "ment", -1}, CLOSED},
         "Tfragment C1000 ", false},
        {"empty ones",
         {{0x02, "", -1}, {0x00, "", -1}, {0x80, "", -1}, CLOSED},
         "B C1000 ", false},
        {"a ping between",
         {{0x01, "a", -1}, {0x89, "p", -1}, {0x80, "b", -1}, CLOSED},
         "Pp Tab C1000 ", false},
        {"a ping in pieces", {{0x09, "a", -1}, {0x80, "b", -1}}, "C1002 ",
         false},
        {"a continuation of nothing", {{0x80, "a", -1}, TEXT("b")},
         "C1002 ", false},
        {"the same without its end", {{0x00, "a", -1}}, "C1002 ", false},
        {"a continuation behind a message", {TEXT("a"), {0x80, "b", -1}},
         "Ta C1002 ", false},
        {"a message within one", {{0x01, "a", -1}, TEXT("b")}, "C1002 ",
         false},
        {"a Close between", {{0x01, "a", -1}, CLOSED}, "C1000 ", false},
        {"long ones", {{0x01, LONG_125 LONG_125 LONG_125, -1},
                       {0x00, LONG_125 LONG_125, -1},
                       {0x80, LONG_125, -1},
                       CLOSED},
         "T[750] C1000 ", false},
        {NULL, {{0, NULL, 0}}, NULL, false},
    };
    run_table(table);
}

TEST(utf8)
{
    static const struct exchange table[] = {
        {"valid", {TEXT("\xce\xba\xe1\xbd\xb9\xcf\x83"), CLOSED},
         "T\xce\xba\xe1\xbd\xb9\xcf\x83 C1000 ", false},
        {"a character divided",
         {{0x01, "\xce", -1}, {0x00, "\xba\xe1", -1}, {0x80, "\xbd\xb9", -1},
          CLOSED},
         "T\xce\xba\xe1\xbd\xb9 C1000 ", false},
        {"the largest", {TEXT("\xf4\x8f\xbf\xbf"), CLOSED},
         "T\xf4\x8f\xbf\xbf C1000 ", false},
        {"beyond", {TEXT("\xf4\x90\x80\x80")}, "C1007 ", false},
        {"a surrogate", {TEXT("\xed\xa0\x80")}, "C1007 ", false},
        {"too long", {TEXT("\xc0\xaf")}, "C1007 ", false},
        {"too long by one", {TEXT("\xe0\x9f\xbf")}, "C1007 ", false},
        {"five bytes", {TEXT("\xf8\x88\x80\x80\x80")}, "C1007 ", false},
        {"continuation alone", {TEXT("\x80")}, "C1007 ", false},
        {"FE", {TEXT("\xfe")}, "C1007 ", false},
        {"unfinished", {TEXT("\xce")}, "C1007 ", false},
        {"unfinished in the last piece",
         {{0x01, "a", -1}, {0x80, "\xe1\xbd", -1}}, "C1007 ", false},
        {"bad in a first piece, before the end",
         {{0x01, "\xce\xba\xed\xa0", -1}}, "C1007 ", false},
        {"bad in a frame of which a part has come",
         {RAW("\x81\x85\x01\x02\x03\x04\xfe\x60")}, "C1007 ", false},
        {"any bytes in a binary", {BINARY("\xfe\xff\x80"), CLOSED},
         "B\xfe\xff\x80 C1000 ", false},
        {NULL, {{0, NULL, 0}}, NULL, false},
    };
    run_table(table);
}

TEST(closes)
{
    static const struct exchange table[] = {
        {"without a number", {CLOSE("")}, "C ", false},
        {"half a number", {CLOSE("\x03")}, "C1002 ", false},
        {"with a text", {CLOSE("\x03\xe8" "bye")}, "C1000 ", false},
        {"a text of 123", {{0x88, "\x03\xe8" SIXTEEN SIXTEEN SIXTEEN SIXTEEN
                            SIXTEEN SIXTEEN SIXTEEN "0123456789a", 125}},
         "C1000 ", false},
        {"a text that is none", {CLOSE("\x03\xe8\xce")}, "C1007 ", false},
        {"of 126", {CLOSE(LONG_125 "d")}, "C1002 ", false},
        {"0", {{0x88, "\0\0", 2}}, "C1002 ", false},
        {"999", {CLOSE("\x03\xe7")}, "C1002 ", false},
        {"1001", {CLOSE("\x03\xe9")}, "C1001 ", false},
        {"1003", {CLOSE("\x03\xeb")}, "C1003 ", false},
        {"1004", {CLOSE("\x03\xec")}, "C1002 ", false},
        {"1005", {CLOSE("\x03\xed")}, "C1002 ", false},
        {"1006", {CLOSE("\x03\xee")}, "C1002 ", false},
        {"1007", {CLOSE("\x03\xef")}, "C1007 ", false},
        {"1011", {CLOSE("\x03\xf3")}, "C1011 ", false},
        {"1014", {CLOSE("\x03\xf6")}, "C1014 ", false},
        {"1015", {CLOSE("\x03\xf7")}, "C1002 ", false},
        {"1016", {CLOSE("\x03\xf8")}, "C1002 ", false},
        {"2999", {CLOSE("\x0b\xb7")}, "C1002 ", false},
        {"3000", {CLOSE("\x0b\xb8")}, "C3000 ", false},
        {"4999", {CLOSE("\x13\x87")}, "C4999 ", false},
        {"5000", {CLOSE("\x13\x88")}, "C1002 ", false},
        {"65535", {CLOSE("\xff\xff")}, "C1002 ", false},
        {"twice", {CLOSED, CLOSED}, "C1000 ", false},
        {NULL, {{0, NULL, 0}}, NULL, false},
    };
    run_table(table);
}

/* The limits of these servers are 70,000 bytes and 20 frames. */
TEST(limits)
{
    static char large[70001];
    memset(large, 'x', sizeof large);
    static const struct exchange table[] = {
        {"as large as may be", {{0x82, large, 70000}, CLOSED},
         "B[70000] C1000 ", false},
        {"larger", {{0x82, large, 70001}}, "C1009 ", false},
        {"larger, by its head",
         {RAW("\x82\xff\0\0\0\x01\0\0\0\0....")}, "C1009 ", false},
        {"larger in pieces",
         {{0x02, large, 40000}, {0x80, large, 30001}}, "C1009 ", false},
        {"in more pieces than may be",
         {{0x02, "", -1},
          RAW("\0\x80....\0\x80....\0\x80....\0\x80....\0\x80....\0\x80...."
              "\0\x80....\0\x80....\0\x80....\0\x80....\0\x80....\0\x80...."
              "\0\x80....\0\x80....\0\x80....\0\x80....\0\x80....\0\x80...."
              "\0\x80....\0\x80....")},
         "C1009 ", false},
        {NULL, {{0, NULL, 0}}, NULL, false},
    };
    run_table(table);
}

/* RFC 7692, 7.2.3, has these. */
TEST(compression)
{
    static const struct exchange table[] = {
        {"one block",
         {{0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7}, CLOSED},
         "THello C1000 ", true},
        {"two frames",
         {{0x41, "\xf2\x48\xcd", 3}, {0x80, "\xc9\xc9\x07\x00", 4}, CLOSED},
         "THello C1000 ", true},
        {"with the window of the one before",
         {{0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7},
          {0xc1, "\xf2\x00\x11\x00\x00", 5},
          CLOSED},
         "THello THello C1000 ", true},
        {"a block without compression",
         {{0xc1, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11}, CLOSED},
         "THello C1000 ", true},
        {"a last block",
         {{0xc1, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8}, CLOSED},
         "THello C1000 ", true},
        {"two blocks",
         {{0xc1, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13},
          CLOSED},
         "THello C1000 ", true},
        {"nothing", {{0xc1, "\x00", 1}, CLOSED}, "T C1000 ", true},
        {"not compressed all the same", {TEXT("Hello"), CLOSED},
         "THello C1000 ", true},
        {"broken data", {{0xc1, "\xff\xff\xff\xff", 4}}, "C1007 ", true},
        {"no UTF-8 within",
         {{0xc1, "\x00\x01\x00\xfe\xff\xfe\x00", 7}}, "C1007 ", true},
        {"RSV1 in a continuation",
         {{0x41, "\xf2\x48\xcd", 3}, {0xc0, "\xc9\xc9\x07\x00", 4}},
         "C1002 ", true},
        {"a ping that says so", {{0xc9, "x", -1}}, "C1002 ", true},
        {NULL, {{0, NULL, 0}}, NULL, false},
    };
    run_table(table);
}
