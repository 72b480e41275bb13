/* SPDX-License-Identifier: MIT */
/* form.c — queries, forms and uploads, taken apart. */
#include <stdlib.h>
#include <string.h>

#include "httpbin.h"

/* ── Percent signs ────────────────────────────────────────────────────── */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t percent_decode(char *text, bool plus)
{
    char *to = text;
    for (const char *at = text; *at; at++) {
        if (plus && *at == '+') {
            *to++ = ' ';
        } else if (*at == '%' && hex(at[1]) >= 0 && hex(at[2]) >= 0) {
            *to++ = (char)(hex(at[1]) * 16 + hex(at[2]));
            at += 2;
        } else {
            *to++ = *at;
        }
    }
    *to = '\0';
    return (size_t)(to - text);
}

/* ── Names and values ─────────────────────────────────────────────────── */

static void add_pair(struct pairs *pairs, const char *name, const char *value,
                     size_t value_len)
{
    if (pairs->count < PAIRS_MOST)
        pairs->items[pairs->count++] = (struct pair){name, value, value_len};
}

void parse_query(char *query, struct pairs *pairs)
{
    char *next;
    for (char *at = query; at; at = next) {
        next = strchr(at, '&');
        if (next)
            *next++ = '\0';
        if (!*at)
            continue;
        char *value = strchr(at, '=');
        if (value)
            *value++ = '\0';
        else
            value = at + strlen(at);
        percent_decode(at, true);
        add_pair(pairs, at, value, percent_decode(value, true));
    }
}

const char *find_value(const struct pairs *pairs, const char *name)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (strcmp(pairs->items[i].name, name) == 0)
            return pairs->items[i].value;
    return NULL;
}

bool find_number(const struct pairs *pairs, const char *name, double normal,
                 double most, double *ret_number)
{
    const char *value = find_value(pairs, name);
    char *end;
    *ret_number = normal;
    if (!value)
        return true;
    *ret_number = strtod(value, &end);
    return end != value && !*end && *ret_number >= 0 && *ret_number <= most;
}

static bool is_first(const struct pairs *pairs, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(pairs->items[i].name, pairs->items[index].name) == 0)
            return false;
    return true;
}

static size_t count_alike(const struct pairs *pairs, size_t index)
{
    size_t count = 0;
    for (size_t i = index; i < pairs->count; i++)
        count += strcmp(pairs->items[i].name, pairs->items[index].name) == 0;
    return count;
}

static void add_values(struct text *text, const struct pairs *pairs,
                       size_t index)
{
    size_t alike = count_alike(pairs, index);
    const char *name = pairs->items[index].name;
    const char *comma = "";
    if (alike > 1)
        text_print(text, "[");
    for (size_t i = index; i < pairs->count; i++) {
        const struct pair *one = &pairs->items[i];
        if (strcmp(one->name, name) != 0)
            continue;
        text_print(text, "%s", comma);
        text_add_json(text, one->value, one->value_len);
        comma = ", ";
    }
    if (alike > 1)
        text_print(text, "]");
}

void text_add_pairs(struct text *text, const struct pairs *pairs)
{
    const char *comma = "";
    text_print(text, "{");
    for (size_t i = 0; i < pairs->count; i++) {
        if (!is_first(pairs, i))
            continue;
        text_print(text, "%s\n    ", comma);
        text_add_json(text, pairs->items[i].name,
                      strlen(pairs->items[i].name));
        text_print(text, ": ");
        add_values(text, pairs, i);
        comma = ",";
    }
    text_print(text, *comma ? "\n  }" : "}");
}

/* ── multipart/form-data, RFC 7578 ────────────────────────────────────── */

/* The value of a parameter in a header, `name="value"`, ended in place. */
static char *parameter(char *header, const char *name)
{
    char *at = strstr(header, name);
    if (!at)
        return NULL;
    at += strlen(name);
    char *end = strchr(at, '"');
    if (end)
        *end = '\0';
    return at;
}

/* One part: its headers up to an empty line, then its content. */
static void parse_part(char *part, size_t len, struct pairs *form,
                       struct pairs *files)
{
    char *content = memmem(part, len, "\r\n\r\n", 4);
    if (!content)
        return;
    *content = '\0';
    content += 4;
    /* From the back, for each one found cuts the header off behind it. */
    char *file = parameter(part, "; filename=\"");
    char *name = parameter(part, "; name=\"");
    if (name)
        add_pair(file ? files : form, name, content,
                 len - (size_t)(content - part));
}

bool parse_multipart(char *data, size_t len, const char *type,
                     struct pairs *form, struct pairs *files)
{
    char line[80] = "\r\n--";
    const char *boundary = strstr(type, "boundary=");
    if (strncasecmp(type, "multipart/form-data", 19) != 0 || !boundary)
        return false;
    boundary += 9;
    boundary += *boundary == '"';
    size_t size = strcspn(boundary, "\";, ");
    if (size == 0 || size > 70)
        return false;
    memcpy(line + 4, boundary, size);
    size += 4;
    if (len < size - 2 || memcmp(data, line + 2, size - 2) != 0)
        return false;
    char *at = data + size - 2;
    char *end = data + len;
    for (;;) {
        char *next = memmem(at, (size_t)(end - at), line, size);
        if (!next)
            return true;
        if (next - at > 2)
            parse_part(at + 2, (size_t)(next - at - 2), form, files);
        at = next + size;
    }
}
