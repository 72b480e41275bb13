#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the documents show is what the files hold, which are compiled and run.

A block of a document that shows a file has a mark on the line above it:

    <!-- examples/hello.c -->           the whole file
    <!-- examples/hello.c greet -->     the function of that name
    <!-- examples/hello.c errors -->    what lies between two lines that
                                        read /* [errors] */, less the indent

Such a block must equal its source, whatever its language. In the documents
that teach, a block of C without a mark is a complaint: nobody compiles it. A
program of the quick start ends in a comment with its output, which must be
that of the file beside it.

    check_snippets.py ROOT             complain
    check_snippets.py ROOT --update    write the sources into the blocks
"""
import pathlib
import re
import sys
import textwrap

import sources

PAGES = ['*.md', '*/README.md', 'docs/**/*.md']
TEACHING = re.compile(r'docs/(quickstart|from-asyncio|guide/.*)\.md')
MARK = re.compile(r'<!-- ([\w./-]+\.\w+)(?: (\w+))? -->')
FENCE = re.compile(r'```(\w*)')
EXPECTED = re.compile(r'/\* Expected output:\n \*\n(.*?) \*/\n\Z', re.S)


class Block:
    """A fenced block: its lines, and the mark above it, if there is one."""

    def __init__(self, language, mark, begin, end):
        self.language = language
        self.path, self.part = mark.groups() if mark else (None, None)
        self.begin = begin  # index of the first line within
        self.end = end      # and of the closing fence


def blocks(lines):
    opened = None
    for index, line in enumerate(lines):
        if opened and line == '```':
            yield Block(opened[0], opened[1], opened[2], index)
            opened = None
        elif not opened and FENCE.fullmatch(line):
            mark = MARK.fullmatch(lines[index - 1]) if index else None
            opened = FENCE.fullmatch(line).group(1), mark, index + 1


def region(text, name):
    parts = re.split(rf'^ */\* \[{name}\] \*/\n', text, flags=re.M)
    return textwrap.dedent(parts[1]) if len(parts) == 3 else None


def function(text, name):
    found = re.search(
        rf'^(?:\w[^\n;]*\n)?\w[^\n;]*\b{name}\([^;]*?\n\{{\n.*?^\}}\n', text,
        re.M | re.S)
    return found.group() if found else None


def shown(root, block):
    """What a marked block has to hold, or None and what is wrong."""
    path = pathlib.Path(root) / block.path
    if not path.is_file():
        return None, f'there is no {block.path}'
    text = path.read_text(encoding='utf-8')
    if block.part:
        text = region(text, block.part) or function(text, block.part)
        if text is None:
            return None, f'{block.path} has no part {block.part}'
    elif path.suffix == '.c':  # the licence says nothing to who learns
        text = text.removeprefix('/* SPDX-License-Identifier: MIT */\n')
    return text.rstrip('\n').split('\n'), None


def check_page(root, page):
    for block in blocks(page.lines):
        line = block.begin
        if block.path:
            wanted, what = shown(root, block)
            if wanted is None:
                yield line, what
            elif page.lines[block.begin:block.end] != wanted:
                yield line, (f'this is not what {block.path} holds; write it '
                             'by tools/check_snippets.py . --update')
        elif block.language == 'c' and TEACHING.fullmatch(page.path):
            yield line, ('a block of C without a mark <!-- FILE --> above it: '
                         'nobody compiles it')


def check_output(root, program):
    found = EXPECTED.search(program.text)
    told = textwrap.dedent(re.sub(r'^ \* ?', '', found.group(1), flags=re.M)
                           ) if found else None
    output = (pathlib.Path(root) / program.path).with_suffix('.out')
    if told is None or not output.exists() or told != output.read_text():
        yield len(program.lines), ('the comment at the end is not what the '
                                   '.out beside the program holds')


def check(root):
    for page in sources.sources(root, PAGES):
        for line, what in check_page(root, page):
            yield page.path, line, what
    for program in sources.sources(root, ['examples/quickstart/*.c']):
        for line, what in check_output(root, program):
            yield program.path, line, what


def update(root):
    for page in sources.sources(root, PAGES):
        lines = list(page.lines)
        for block in reversed(list(blocks(page.lines))):
            wanted = shown(root, block)[0] if block.path else None
            if wanted is not None:
                lines[block.begin:block.end] = wanted
        if lines != page.lines:
            (pathlib.Path(root) / page.path).write_text('\n'.join(lines))


if __name__ == '__main__':
    if sys.argv[2:] == ['--update']:
        update(sys.argv[1])
    else:
        sources.main(check)
