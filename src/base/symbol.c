/* SPDX-License-Identifier: MIT */
/*
 * symbol.c — which function an address belongs to, and which line.
 *
 * dladdr(3) knows only what a program exports, and the functions of most
 * programs are not. Their names are in the symbol table of the file they were
 * loaded from, unless it was stripped; so that file is mapped and read:
 *
 *     address ──dl_iterate_phdr──► module ──.symtab, .dynsym──► function
 *                                         └──.debug_line──────► file, line
 *
 * Nothing is kept between two calls. Offsets and sizes from the file are
 * checked before they are used: it can be damaged, or another one by now.
 */
#include "base/symbol.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/line.h"

/* Beyond, looking a line up would take seconds. */
#define LINE_TABLE_MAX ((size_t)64 << 20)

/* ── The module ───────────────────────────────────────────────────────── */

struct module {
    uintptr_t address; /* what is looked for */
    uintptr_t base;    /* added to the file's addresses when it was loaded */
    char path[256];    /* "" if there is none */
    bool found;
};

static int match_module(struct dl_phdr_info *info, size_t size, void *data)
{
    struct module *module = data;
    (void)size;
    uintptr_t offset = module->address - info->dlpi_addr;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD ||
            offset - header->p_vaddr >= header->p_memsz)
            continue;
        module->found = true;
        module->base = info->dlpi_addr;
        snprintf(module->path, sizeof module->path, "%s", info->dlpi_name);
        return 1;
    }
    return 0;
}

/* ── The file ─────────────────────────────────────────────────────────── */

struct image {
    const unsigned char *bytes;
    size_t size;
    const ElfW(Shdr) *sections;
    size_t count;
    const ElfW(Shdr) *names; /* the section with the sections' names */
};

static bool is_inside(const struct image *image, uint64_t offset,
                      uint64_t size)
{
    return offset <= image->size && size <= image->size - offset;
}

/* A section's bytes; none for one that is damaged or compressed. */
static struct bide__section contents(const struct image *image,
                                     const ElfW(Shdr) *header)
{
    if (!header || header->sh_type == SHT_NOBITS ||
        (header->sh_flags & SHF_COMPRESSED) ||
        !is_inside(image, header->sh_offset, header->sh_size))
        return (struct bide__section){NULL, 0};
    return (struct bide__section){image->bytes + header->sh_offset,
                                  header->sh_size};
}

static bool parse_image(struct image *image)
{
    const ElfW(Ehdr) *header = (const void *)image->bytes;
    if (image->size < sizeof *header ||
        memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_ident[EI_CLASS] !=
            (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
        header->e_shentsize != sizeof(ElfW(Shdr)) ||
        header->e_shoff % _Alignof(ElfW(Shdr)) != 0 ||
        !is_inside(image, header->e_shoff,
                   (uint64_t)header->e_shnum * sizeof(ElfW(Shdr))) ||
        header->e_shstrndx >= header->e_shnum)
        return false;
    image->sections = (const void *)(image->bytes + header->e_shoff);
    image->count = header->e_shnum;
    image->names = &image->sections[header->e_shstrndx];
    return true;
}

/* Opens what a module was loaded from; the main program has no path. */
static bool open_image(const struct module *module, struct image *image)
{
    const char *path = *module->path ? module->path : "/proc/self/exe";
    if (!strchr(path, '/'))
        return false; /* the kernel's linux-vdso.so.1 is no file */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    void *bytes = MAP_FAILED;
    if (fd < 0)
        return false;
    if (fstat(fd, &status) == 0 && status.st_size > 0)
        bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd,
                     0);
    close(fd);
    if (bytes == MAP_FAILED)
        return false;
    image->bytes = bytes;
    image->size = (size_t)status.st_size;
    if (parse_image(image))
        return true;
    munmap(bytes, image->size);
    return false;
}

static void close_image(const struct image *image)
{
    munmap((void *)(uintptr_t)image->bytes, image->size);
}

static const ElfW(Shdr) *section_named(const struct image *image,
                                       const char *name)
{
    struct bide__section names = contents(image, image->names);
    size_t size = strlen(name) + 1;
    for (size_t i = 0; i < image->count; i++) {
        size_t at = image->sections[i].sh_name;
        if (at < names.size && size <= names.size - at &&
            memcmp(names.bytes + at, name, size) == 0)
            return &image->sections[i];
    }
    return NULL;
}

static const ElfW(Shdr) *section_typed(const struct image *image,
                                       ElfW(Word) type)
{
    for (size_t i = 0; i < image->count; i++)
        if (image->sections[i].sh_type == type)
            return &image->sections[i];
    return NULL;
}

/* ── Functions and lines ──────────────────────────────────────────────── */

/* Look in one table of symbols; whether the function is there. */
static bool find_in(const struct image *image, const ElfW(Shdr) *header,
                    uintptr_t address, struct bide__symbol *symbol)
{
    struct bide__section table = contents(image, header);
    if (!table.bytes || header->sh_link >= image->count ||
        header->sh_offset % _Alignof(ElfW(Sym)) != 0)
        return false;
    struct bide__section names =
        contents(image, &image->sections[header->sh_link]);
    const ElfW(Sym) *symbols = (const void *)table.bytes;
    for (size_t i = 0; i < table.size / sizeof *symbols; i++) {
        const ElfW(Sym) *one = &symbols[i];
        if ((one->st_info & 0xf) != STT_FUNC || one->st_shndx == SHN_UNDEF ||
            address - one->st_value >= one->st_size ||
            one->st_name >= names.size)
            continue;
        snprintf(symbol->function, sizeof symbol->function, "%.*s",
                 (int)(names.size - one->st_name),
                 (const char *)names.bytes + one->st_name);
        symbol->offset = address - one->st_value;
        return true;
    }
    return false;
}

static void find_line(const struct image *image, uintptr_t address,
                      struct bide__symbol *symbol)
{
    struct bide__line_table table = {
        .line = contents(image, section_named(image, ".debug_line")),
        .line_str = contents(image, section_named(image, ".debug_line_str")),
        .str = contents(image, section_named(image, ".debug_str")),
    };
    if (table.line.bytes && table.line.size <= LINE_TABLE_MAX)
        (void)bide__line_find(&table, address, symbol->file,
                              sizeof symbol->file, &symbol->line);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void name_module(const struct module *module,
                        struct bide__symbol *symbol)
{
    char path[256];
    const char *name = module->path;
    if (!*name) {
        ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
        path[len > 0 ? len : 0] = '\0';
        name = path;
    }
    snprintf(symbol->module, sizeof symbol->module, "%.*s",
             (int)sizeof symbol->module - 1, base_name(name));
}

void bide__symbol_find(const void *address, bool lines,
                       struct bide__symbol *symbol)
{
    struct module module = {.address = (uintptr_t)address};
    struct image image;
    *symbol = (struct bide__symbol){.offset = 0};
    (void)dl_iterate_phdr(match_module, &module);
    if (!module.found)
        return;
    uintptr_t inside = module.address - module.base;
    symbol->offset = inside;
    name_module(&module, symbol);
    if (!open_image(&module, &image))
        return;
    if (!find_in(&image, section_typed(&image, SHT_SYMTAB), inside, symbol))
        (void)find_in(&image, section_typed(&image, SHT_DYNSYM), inside,
                      symbol);
    if (lines)
        find_line(&image, inside, symbol);
    close_image(&image);
}

size_t bide__symbol_print(const struct bide__symbol *symbol,
                          const void *address, char *buf, size_t size)
{
    int len;
    if (*symbol->function && symbol->line > 0)
        len = snprintf(buf, size, "%s (%s:%u)", symbol->function, symbol->file,
                       symbol->line);
    else if (*symbol->function)
        len = snprintf(buf, size, "%s+0x%zx (%s)", symbol->function,
                       (size_t)symbol->offset, symbol->module);
    else if (*symbol->module)
        len = snprintf(buf, size, "%p (%s+0x%zx)", address, symbol->module,
                       (size_t)symbol->offset);
    else
        len = snprintf(buf, size, "%p", address);
    if (len < 0)
        len = 0;
    return (size_t)len < size ? (size_t)len : size - 1;
}
