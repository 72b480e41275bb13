/* SPDX-License-Identifier: MIT */
/*
 * line.c — reading the line tables that compilers write with -g.
 *
 * .debug_line is a list of units, one for each source file that was compiled.
 * Each holds a program for a small machine whose registers are an address, a
 * file and a line; running it yields the rows of the table. A row is valid
 * from its address to that of the next one in the same sequence:
 *
 *     unit   [ header | directories, files | program ]
 *     rows   0x1000 a.c:10   0x1008 a.c:11   0x1020 end of sequence
 *
 * Versions 2 to 5, of 32 and 64 bits, are read (DWARF 5, section 6.2; 4 for
 * what came before). Nothing is kept: an address is looked for from the start
 * each time, which is fast enough for the few of a report.
 *
 * Every read is checked against the end of its section, so a damaged file
 * does no harm.
 */
#include "base/line.h"

#include <string.h>

/* What is looked for in a table's entries; DWARF 5, section 7.22. */
#define CONTENT_PATH 1

enum form {
    FORM_DATA2 = 0x05,
    FORM_DATA4 = 0x06,
    FORM_DATA8 = 0x07,
    FORM_STRING = 0x08,
    FORM_BLOCK = 0x09,
    FORM_DATA1 = 0x0b,
    FORM_STRP = 0x0e,
    FORM_UDATA = 0x0f,
    FORM_DATA16 = 0x1e,
    FORM_LINE_STRP = 0x1f
};

enum opcode {
    OP_EXTENDED = 0,
    OP_COPY,
    OP_ADVANCE_PC,
    OP_ADVANCE_LINE,
    OP_SET_FILE,
    OP_SET_COLUMN,
    OP_NEGATE_STMT,
    OP_SET_BASIC_BLOCK,
    OP_CONST_ADD_PC,
    OP_FIXED_ADVANCE_PC
};

enum extended { EXT_END_SEQUENCE = 1, EXT_SET_ADDRESS = 2 };

/* ── Reading ──────────────────────────────────────────────────────────── */

struct cursor {
    const unsigned char *at;
    const unsigned char *end;
    bool bad; /* something reached beyond the end; everything reads as 0 */
};

static const unsigned char *take(struct cursor *cursor, uint64_t size)
{
    if (cursor->bad || size > (uint64_t)(cursor->end - cursor->at)) {
        cursor->bad = true;
        return NULL;
    }
    const unsigned char *bytes = cursor->at;
    cursor->at += size;
    return bytes;
}

/* An unsigned number of 1, 2, 4 or 8 bytes, of this machine's order. */
static uint64_t number(struct cursor *cursor, size_t size)
{
    const unsigned char *bytes = take(cursor, size);
    uint8_t one = 0;
    uint16_t two = 0;
    uint32_t four = 0;
    uint64_t eight = 0;
    if (!bytes)
        return 0;
    switch (size) {
    case sizeof one:
        return *bytes;
    case sizeof two:
        memcpy(&two, bytes, sizeof two);
        return two;
    case sizeof four:
        memcpy(&four, bytes, sizeof four);
        return four;
    default:
        memcpy(&eight, bytes, sizeof eight);
        return eight;
    }
}

/* LEB128: seven bits a byte, lowest first; DWARF 5, section 7.6. */
static uint64_t leb(struct cursor *cursor, bool is_signed)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint64_t byte;
    do {
        byte = number(cursor, 1);
        if (shift < 64)
            value |= (byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    if (is_signed && (byte & 0x40) && shift < 64)
        value |= ~(uint64_t)0 << shift;
    return value;
}

static const char *text(struct cursor *cursor)
{
    size_t left = cursor->bad ? 0 : (size_t)(cursor->end - cursor->at);
    const unsigned char *nul = left ? memchr(cursor->at, 0, left) : NULL;
    if (!nul) {
        cursor->bad = true;
        return "";
    }
    return (const char *)take(cursor, (uint64_t)(nul - cursor->at) + 1);
}

static const char *text_at(const struct bide__section *section,
                           uint64_t offset)
{
    if (offset >= section->size)
        return "";
    struct cursor cursor = {section->bytes + offset,
                            section->bytes + section->size, false};
    return text(&cursor);
}

/* ── A unit's header ──────────────────────────────────────────────────── */

struct unit {
    struct cursor tables;  /* directories and files */
    struct cursor program;
    unsigned version;
    size_t offset_size;    /* 4 or 8 bytes */
    size_t address_size;
    uint64_t min_length;   /* of an instruction of the processor */
    int line_base;
    unsigned line_range;
    unsigned opcode_base;
    const unsigned char *operands; /* how many each standard opcode has */
};

/* Read the next unit; false at the end of the section. */
static bool next_unit(struct cursor *section, struct unit *unit)
{
    unit->offset_size = 4;
    uint64_t length = number(section, 4);
    if (length == 0xffffffff) {
        unit->offset_size = 8;
        length = number(section, 8);
    }
    struct cursor all = {section->at, NULL, section->bad};
    const unsigned char *bytes = take(section, length);
    if (!bytes || length == 0)
        return false;
    all.end = bytes + length;
    unit->version = (unsigned)number(&all, 2);
    unit->address_size = sizeof(void *);
    if (unit->version >= 5) {
        unit->address_size = (size_t)number(&all, 1);
        (void)number(&all, 1); /* size of segment selectors */
    }
    uint64_t header = number(&all, unit->offset_size);
    unit->program = all;
    (void)take(&unit->program, header);
    unit->min_length = number(&all, 1);
    if (unit->version >= 4)
        (void)number(&all, 1); /* operations an instruction: for VLIW */
    (void)number(&all, 1);     /* whether rows begin as statements */
    unit->line_base = (int8_t)number(&all, 1);
    unit->line_range = (unsigned)number(&all, 1);
    unit->opcode_base = (unsigned)number(&all, 1);
    unit->operands = take(&all, unit->opcode_base ? unit->opcode_base - 1 : 0);
    unit->tables = all;
    return true;
}

static bool is_readable(const struct unit *unit)
{
    return unit->version >= 2 && unit->version <= 5 && unit->line_range > 0 &&
           unit->opcode_base > 0 && unit->operands &&
           unit->address_size == sizeof(void *);
}

/* ── Names of files ───────────────────────────────────────────────────── */

/* One field of an entry; its text if it has one, else "". */
static const char *field(const struct bide__line_table *table,
                         const struct unit *unit, struct cursor *cursor,
                         uint64_t form)
{
    switch (form) {
    case FORM_STRING:
        return text(cursor);
    case FORM_LINE_STRP:
        return text_at(&table->line_str, number(cursor, unit->offset_size));
    case FORM_STRP:
        return text_at(&table->str, number(cursor, unit->offset_size));
    case FORM_UDATA:
        (void)leb(cursor, false);
        return "";
    case FORM_DATA1:
        (void)take(cursor, 1);
        return "";
    case FORM_DATA2:
        (void)take(cursor, 2);
        return "";
    case FORM_DATA4:
        (void)take(cursor, 4);
        return "";
    case FORM_DATA8:
        (void)take(cursor, 8);
        return "";
    case FORM_DATA16:
        (void)take(cursor, 16);
        return "";
    case FORM_BLOCK:
        (void)take(cursor, leb(cursor, false));
        return "";
    default:
        cursor->bad = true;
        return "";
    }
}

/* A table of version 5: formats of the fields, then the entries. Returns the
 * path of the one that is wanted, "" if there is none. */
static const char *entry_path(const struct bide__line_table *table,
                              const struct unit *unit, struct cursor *cursor,
                              uint64_t wanted)
{
    const char *path = "";
    uint64_t formats = number(cursor, 1);
    struct cursor format = *cursor;
    for (uint64_t i = 0; i < 2 * formats; i++)
        (void)leb(cursor, false);
    uint64_t count = leb(cursor, false);
    if (formats == 0)
        return ""; /* entries of nothing, however many are claimed */
    for (uint64_t i = 0; i < count && !cursor->bad; i++) {
        struct cursor fields = format;
        for (uint64_t j = 0; j < formats; j++) {
            uint64_t content = leb(&fields, false);
            const char *value =
                field(table, unit, cursor, leb(&fields, false));
            if (content == CONTENT_PATH && i == wanted)
                path = value;
        }
    }
    return cursor->bad ? "" : path;
}

/* The same before version 5: files count from 1. */
static const char *old_path(struct cursor *cursor, uint64_t wanted)
{
    while (*text(cursor))
        continue; /* directories */
    for (uint64_t i = 1; !cursor->bad; i++) {
        const char *path = text(cursor);
        if (!*path || i == wanted)
            return path;
        for (int fields = 0; fields < 3; fields++)
            (void)leb(cursor, false); /* directory, time, length */
    }
    return "";
}

static const char *file_path(const struct bide__line_table *table,
                             const struct unit *unit, uint64_t wanted)
{
    struct cursor cursor = unit->tables;
    if (unit->version < 5)
        return old_path(&cursor, wanted);
    (void)entry_path(table, unit, &cursor, UINT64_MAX); /* directories */
    return entry_path(table, unit, &cursor, wanted);
}

/* ── The program ──────────────────────────────────────────────────────── */

struct row {
    uint64_t address;
    uint64_t file;
    uint64_t line;
};

struct machine {
    struct row now;
    struct row before; /* the row before; not of another sequence */
    bool has_before;
    bool found; /* `before` holds the address that is looked for */
};

static const struct row initial = {.address = 0, .file = 1, .line = 1};

static void emit(struct machine *machine, uint64_t wanted, bool end)
{
    machine->found = machine->has_before &&
                     wanted >= machine->before.address &&
                     wanted < machine->now.address;
    if (machine->found)
        return;
    machine->before = machine->now;
    machine->has_before = !end;
    if (end)
        machine->now = initial;
}

static void run_extended(struct machine *machine, const struct unit *unit,
                         struct cursor *program, uint64_t wanted)
{
    uint64_t length = leb(program, false);
    struct cursor body = *program;
    if (!take(program, length))
        return;
    body.end = program->at;
    uint64_t code = number(&body, 1);
    if (code == EXT_END_SEQUENCE)
        emit(machine, wanted, true);
    else if (code == EXT_SET_ADDRESS)
        machine->now.address = number(&body, unit->address_size);
}

static void run_standard(struct machine *machine, const struct unit *unit,
                         struct cursor *program, unsigned code,
                         uint64_t wanted)
{
    struct row *now = &machine->now;
    switch (code) {
    case OP_EXTENDED:
        run_extended(machine, unit, program, wanted);
        break;
    case OP_COPY:
        emit(machine, wanted, false);
        break;
    case OP_ADVANCE_PC:
        now->address += leb(program, false) * unit->min_length;
        break;
    case OP_ADVANCE_LINE:
        now->line += leb(program, true);
        break;
    case OP_SET_FILE:
        now->file = leb(program, false);
        break;
    case OP_CONST_ADD_PC:
        now->address += (255 - unit->opcode_base) / unit->line_range *
                        unit->min_length;
        break;
    case OP_FIXED_ADVANCE_PC:
        now->address += number(program, 2);
        break;
    default:
        for (unsigned i = 0; i < unit->operands[code - 1]; i++)
            (void)leb(program, false);
    }
}

/* Run a unit's program until it has made the row that holds the address. */
static bool run(const struct unit *unit, uint64_t wanted, struct row *ret_row)
{
    struct machine machine = {.now = initial};
    struct cursor program = unit->program;
    while (!program.bad && program.at < program.end && !machine.found) {
        unsigned code = (unsigned)number(&program, 1);
        if (code < unit->opcode_base) {
            run_standard(&machine, unit, &program, code, wanted);
            continue;
        }
        code -= unit->opcode_base;
        machine.now.address += code / unit->line_range * unit->min_length;
        machine.now.line +=
            (uint64_t)(unit->line_base + (int)(code % unit->line_range));
        emit(&machine, wanted, false);
    }
    *ret_row = machine.before;
    return machine.found;
}

bool bide__line_find(const struct bide__line_table *table, uint64_t address,
                     char *file, size_t size, unsigned *ret_line)
{
    struct cursor section = {table->line.bytes,
                             table->line.bytes + table->line.size, false};
    struct unit unit;
    struct row row;
    while (section.at < section.end && next_unit(&section, &unit)) {
        if (!is_readable(&unit) || !run(&unit, address, &row))
            continue;
        const char *path = file_path(table, &unit, row.file);
        const char *slash = strrchr(path, '/');
        const char *name = slash ? slash + 1 : path;
        size_t len = strnlen(name, size - 1);
        memcpy(file, name, len);
        file[len] = '\0';
        *ret_line = (unsigned)row.line;
        return len > 0;
    }
    return false;
}
