/* SPDX-License-Identifier: MIT */
/*
 * syntax.c — tokens, values, fields, and where a head ends: RFC 9110, 5.5 and
 * 5.6.2, RFC 9112, 2 and 5. Stricter than these where servers differ.
 */
#include <string.h>

#include "http/message.h"

/* ── Characters ───────────────────────────────────────────────────────── */

static const char separators[] = "\"(),/:;<=>?@[\\]{}";

bool bide__http_is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c >= 0x7f || strchr(separators, c))
            return false;
    }
    return len > 0;
}

bool bide__http_is_value(const char *text, size_t len)
{
    unsigned bad = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bad |= (c < ' ' && c != '\t') | (c == 0x7f);
    }
    return !bad;
}

/* ── The end of the head ──────────────────────────────────────────────── */

/* One line without its CR LF: none but printable characters, and it does not
 * continue the line before. */
static bool is_sound(const char *line, size_t len, bool first)
{
    if (!first && (line[0] == ' ' || line[0] == '\t'))
        return false;
    return bide__http_is_value(line, len);
}

int bide__http_find_head(const char *data, size_t len, size_t max,
                         unsigned *ret_lines)
{
    unsigned lines = 0;
    size_t begin = 0;
    while (begin < len) {
        const char *lf = memchr(data + begin, '\n', len - begin);
        size_t end = lf ? (size_t)(lf - data) : len;
        if (!lf) {
            if (end >= max)
                return lines == 0 ? -414 : -431;
            /* What can never become sound is refused at once. */
            size_t partial = end - begin;
            partial -= data[end - 1] == '\r';
            return bide__http_is_value(data + begin, partial) ? 0 : -400;
        }
        if (end == begin || data[end - 1] != '\r')
            return -400;
        if (end + 1 > max)
            return lines == 0 ? -414 : -431;
        if (end - 1 == begin) {
            *ret_lines = lines;
            return lines == 0 ? -400 : (int)end + 1;
        }
        if (!is_sound(data + begin, end - 1 - begin, lines == 0))
            return -400;
        lines++;
        begin = end + 1;
    }
    return 0;
}

/* ── Fields ───────────────────────────────────────────────────────────── */

bool bide__http_parse_field(char *line, struct bide__field *ret_field)
{
    size_t name = strcspn(line, ":");
    if (line[name] != ':' || !bide__http_is_token(line, name))
        return false;
    char *value = line + name + 1;
    value += strspn(value, " \t");
    size_t len = strlen(value);
    if (!bide__http_is_value(value, len))
        return false;
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        len--;
    line[name] = '\0';
    value[len] = '\0';
    *ret_field = (struct bide__field){.name = line, .value = value};
    return true;
}
