#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Write the reference from the comments of the public headers.

    apidoc.py ROOT OUTPUT [DEPFILE]   write it
    apidoc.py ROOT                    only look whether it is complete

OUTPUT gets man3/ with a page for each function, man7/ with one for each
header, and api/ with the latter as Markdown. The headers are the only source:
nothing is to be edited here. Each page needs an example: a function of
examples/ that calls what the page is about, or else the one in the comment on
top of the header.

DEPFILE tells make and ninja what was read.
"""
import pathlib
import re
import shutil
import sys

import headers

SNIPPET_LINES_MAX = 40
FUNCTION = re.compile(r'^(?:(?!\s|[{}#]|/\*)[^\n]+\n(?:\s+[^\n]+\n)*)'
                      r'\{\n.*?^\}\n', re.M | re.S)

# The fields, under which heading a man page has them, and words before.
HEADINGS = [('RETURN VALUE', {'Returns': ''}), ('ERRORS', {'Errors': ''}),
            ('SUSPENSION', {'Suspends': '', 'Cancel': 'When cancelled: '}),
            ('OWNERSHIP', {'Owns': ''}), ('THREADS', {'Thread': ''}),
            ('IN ASYNCIO', {'Like': ''}), ('SEE ALSO', {'Source': ''})]


# ── Examples ───────────────────────────────────────────────────────────────


class Examples:
    """The functions of examples/, to be found by what they call."""

    def __init__(self, directory):
        self.files = sorted(directory.rglob('*.c'))
        self.snippets = [
            (f'examples/{path.relative_to(directory)}', found[0].rstrip('\n'))
            for path in self.files
            for found in FUNCTION.finditer(path.read_text(encoding='utf-8'))]

    def calling(self, name):
        """The shortest that calls it, as (where, code), or None."""
        found = [snippet for snippet in self.snippets
                 if re.search(rf'\b{name}\(', snippet[1])
                 and snippet[1].count('\n') < SNIPPET_LINES_MAX]
        return min(found, key=lambda snippet: len(snippet[1]), default=None)


def own_example(header, name=''):
    """The code in the header's introduction, that with the name first."""
    blocks = [block[1] for block in header.intro
              if block[0] == 'code' and ';' in block[1]]
    named = [code for code in blocks if name and f'{name}(' in code]
    return (f'<{header.name}>', (named + blocks)[0]) if blocks else None


def example_for(header, item, examples):
    own = own_example(header, item.name)
    if own and f'{item.name}(' in own[1]:
        return own
    return examples.calling(item.name) or own


def example_for_header(header, examples):
    return own_example(header) or next(
        filter(None, (examples.calling(item.name)
                      for item in header.functions())), None)


# ── Man pages ──────────────────────────────────────────────────────────────


def roff(text):
    """Escape text; what stands in backquotes becomes bold."""
    text = text.replace('\\', '\\e').replace('-', '\\-').replace('—', '\\(em')
    text = re.sub(r'`([^`]+)`', r'\\fB\1\\fP', text)
    text = re.sub(r'\b(bide_\w+)\(\)', r'\\fB\1\\fP(3)', text)
    return re.sub(r"^([.'])", r'\\&\1', text, flags=re.M)


def roff_code(code):
    return f'.PP\n.in +4n\n.EX\n{roff_plain(code)}\n.EE\n.in'


def roff_plain(code):
    code = code.replace('\\', '\\e').replace('-', '\\-')
    return re.sub(r"^([.'])", r'\\&\1', code, flags=re.M)


def roff_lines(text):
    """A field: each of its lines is a paragraph."""
    return '\n.br\n'.join(roff(line) for line in text.split('\n'))


def roff_block(block):
    if block[0] == 'text':
        return '.PP\n' + roff(block[1])
    if block[0] == 'code':
        return roff_code(block[1])
    if block[0] == 'parameters':
        return '\n'.join(f'.TP\n.I {roff(name)}\n{roff_lines(text)}'
                         for name, text in block[1])
    return ''


def man_head(title, section, version, summary):
    return [f'.TH {title} {section} "" "bide {version}" "bide"', '.SH NAME',
            f'{title} \\- {roff(summary)}']


def man_example(example):
    if not example:
        return []
    where, code = example
    said = [] if where.startswith('<') else ['.PP', f'From {roff(where)}:']
    return ['.SH EXAMPLE', *said, roff_code(code)]


def function_page(header, item, version, since, example):
    prose = [block for block in item.blocks if block[0] != 'field']
    lines = man_head(item.name, 3, version, item.summary)
    lines += ['.SH SYNOPSIS', '.nf', f'#include <{header.name}>', '.PP',
              roff_plain(item.code), '.fi', '.PP',
              f'An introduction is in \\fB{roff(header.page)}\\fP(7).',
              '.SH DESCRIPTION']
    lines += [roff(item.summary[0].upper() + item.summary[1:] + '.'),
              *map(roff_block, prose)]
    for heading, fields in HEADINGS:
        texts = [roff_lines(before + item.field(name))
                 for name, before in fields.items() if item.field(name)]
        if texts:
            lines += [f'.SH {heading}', '\n.PP\n'.join(texts)]
    lines += ['.SH HISTORY', f'Since bide {since}.', *man_example(example)]
    return '\n'.join(lines) + '\n'


def header_page(header, version, example):
    lines = man_head(header.page, 7, version, header.title)
    lines += ['.SH SYNOPSIS', f'#include <{header.name}>', '.SH DESCRIPTION']
    lines += [roff_block(block) for block in header.intro]
    lines += ['.SH FUNCTIONS']
    for item in header.functions():
        lines += ['.TP', f'.BR {item.name} (3)', roff(item.summary)]
    if not own_example(header):
        lines += man_example(example)
    return '\n'.join(lines) + '\n'


# ── Markdown ───────────────────────────────────────────────────────────────


def markdown_text(text):
    """Escape text, but not what stands in backquotes."""
    parts = re.split(r'(`[^`]*`)', text.replace('\n', '  \n'))
    return ''.join(part if part.startswith('`')
                   else re.sub(r'([<>*]|__)', r'\\\1', part)
                   for part in parts)


def markdown_block(block):
    if block[0] == 'code':
        return f'```c\n{block[1]}\n```\n'
    if block[0] == 'parameters':
        return ''.join(f'* `{name}`: {markdown_text(text)}\n'
                       for name, text in block[1])
    if block[0] == 'field':
        return f'**{block[1]}:** {markdown_text(block[2])}  '
    return markdown_text(block[1]) + '\n'


def markdown_item(item, since):
    if item.kind == 'section':
        return [f'## {item.name}\n']
    blocks = [markdown_block(block) for block in item.blocks]
    if item.kind == 'function':
        return [f'### `{item.name}` — {markdown_text(item.summary)}\n',
                f'```c\n{item.code}\n```\n', *blocks,
                f'**Since:** {since.get(item.name, "the next version")}\n']
    return blocks + ([f'```c\n{item.code}\n```\n'] if item.code else [])


def markdown_page(header, since, example):
    lines = [f'# `<{header.name}>` — {markdown_text(header.title)}\n']
    lines += [markdown_block(block) for block in header.intro]
    if example and not own_example(header):
        lines += [f'From `{example[0]}`:\n', f'```c\n{example[1]}\n```\n']
    for item in header.items:
        lines += markdown_item(item, since)
    return '\n'.join(lines)


def markdown_index(pages):
    lines = ['# Reference\n', 'Made from the comments of the headers.\n']
    lines += [f'* [`<{header.name}>`]({header.page}.md): '
              f'{markdown_text(header.title)}' for header in pages]
    return '\n'.join(lines) + '\n'


# ── Writing ────────────────────────────────────────────────────────────────


def pages_of(header, examples, version, since):
    """The pages about a header and its functions, as paths and texts."""
    example = example_for_header(header, examples)
    for item in header.functions():
        yield f'man3/{item.name}.3', function_page(
            header, item, version, since.get(item.name, version),
            example_for(header, item, examples))
    yield f'man7/{header.page}.7', header_page(header, version, example)
    yield f'api/{header.page}.md', markdown_page(header, since, example)


def write(root, output, pages, examples):
    version = re.search(r"version: '([\d.]+)'",
                        (root / 'meson.build').read_text())[1]
    since = dict(line.split() for line in
                 (root / 'docs/api/symbols.txt').read_text().splitlines())
    for name in ['man3', 'man7', 'api']:  # anew: pages can have gone
        shutil.rmtree(output / name, ignore_errors=True)
        (output / name).mkdir(parents=True)
    (output / 'api/README.md').write_text(markdown_index(pages))
    for header in pages:
        for name, text in pages_of(header, examples, version, since):
            (output / name).write_text(text, encoding='utf-8')


def write_depfile(path, root, output, examples):
    read = [root / 'include/bide', root / 'examples', root / 'meson.build',
            root / 'docs/api/symbols.txt', *examples.files,
            *(root / 'include').rglob('*.h'), root / 'tools/apidoc.py',
            root / 'tools/headers.py']
    path.write_text(f'{output}/api: ' + ' '.join(map(str, read)) + '\n')


def complaints(pages, examples):
    for header in pages:
        if not header.title:
            yield f'include/{header.name}:1: no comment says what it is for'
        for item in header.functions():
            if not example_for(header, item, examples):
                yield (f'include/{header.name}:1: {item.name} is in no '
                       'example, and there is none on top')


def main():
    root, *rest = map(pathlib.Path, sys.argv[1:])
    pages = headers.read_all(root / 'include')
    examples = Examples(root / 'examples')
    if not rest:
        found = list(complaints(pages, examples))
        print('\n'.join(found), end='\n' if found else '')
        return 1 if found else 0
    write(root, rest[0], pages, examples)
    if rest[1:]:
        write_depfile(rest[1], root, rest[0], examples)
    return 0


if __name__ == '__main__':
    sys.exit(main())
