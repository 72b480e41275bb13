#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The documents name what exists: functions, constants, files.

Each word bide_x or BIDE_X must occur in a public header; in pages for
contributors (docs/internals, docs/decisions and those at the top) also in the
sources. A word that is followed by * stands for all that begin so. A path in a
link must lead to a file, and the part after # to a heading of it.

And docs/from-asyncio.md is complete: it names each function of the core whose
comment says what it is like.
"""
import pathlib
import re

import sources

PAGES = ['*.md', 'docs/**/*.md']
FOR_USERS = re.compile(
    r'README\.md|docs/(README|quickstart|from-asyncio|guide/.*|api/.*)\.md')
NAME = re.compile(r'\b((?:bide|BIDE)_\w+)(\*?)')
ALIKE = re.compile(r'^ \* (bide_\w+) — (?:(?!\*/).)*?^ \* Like:', re.M | re.S)
LINK = re.compile(r'\]\(([^()\s]+)\)')
ELSEWHERE = re.compile(r'[a-z]+:')
HEADING = re.compile(r'^#+ (.*)$', re.M)
PLACEHOLDERS = {'bide_noun_verb', 'bide__x'}  # say what names look like
FENCED = re.compile(r'^```.*?^```$', re.M | re.S)


def names(root, patterns):
    """Every name that the files mention."""
    return {found.group(1) for source in sources.sources(root, patterns)
            for found in NAME.finditer(source.text)}


def anchors(text):
    """What may follow # in a link to a page, as GitHub makes it."""
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')
            for heading in HEADING.findall(FENCED.sub('', text))}


def check_names(page, known, where):
    for found in NAME.finditer(page.text):
        name, star = found.groups()
        good = (any(other.startswith(name) for other in known) if star
                else name in known)
        if not good and name not in PLACEHOLDERS:
            yield (page.line_at(found.start()),
                   f'{name}{star} is not in {where}')


def check_links(root, page):
    for found in LINK.finditer(page.text):
        path, _, anchor = found.group(1).partition('#')
        if ELSEWHERE.match(path):
            continue
        here = pathlib.Path(root) / page.path
        target = here.parent / path if path else here
        if not target.exists():
            what = f'there is no {path}'
        elif anchor and anchor not in anchors(target.read_text()):
            what = f'{path or "this page"} has no heading #{anchor}'
        else:
            continue
        yield page.line_at(found.start()), what


def check_asyncio(root):
    page = pathlib.Path(root) / 'docs/from-asyncio.md'
    core = pathlib.Path(root) / 'include/bide.h'
    if not page.exists() or not core.exists():
        return
    named = [found.groups() for found in NAME.finditer(page.read_text())]
    for header in re.findall(r'<(bide/\w+\.h)>', core.read_text()):
        for source in sources.sources(root, [f'include/{header}']):
            for found in ALIKE.finditer(source.text):
                if not any(found.group(1) == name or
                           star and found.group(1).startswith(name)
                           for name, star in named):
                    yield (source.path, source.line_at(found.start()),
                           f'{found.group(1)} is not in {page.name}')


def check(root):
    public = names(root, ['include/**/*.h'])
    internal = public | names(root, ['src/**/*', 'tests/**/*.[ch]', 'meson*',
                                     'tools/test.py'])
    for page in sources.sources(root, PAGES):
        known, where = ((public, 'the public headers')
                        if FOR_USERS.fullmatch(page.path)
                        else (internal, 'the headers and sources'))
        for line, what in [*check_names(page, known, where),
                           *check_links(root, page)]:
            yield page.path, line, what
    yield from check_asyncio(root)


if __name__ == '__main__':
    sources.main(check)
