#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every public function has the comment that its users need.

Above each declaration marked BIDE_API stands "name — what it does", then the
fields Returns (unless it returns nothing), Suspends and Thread; a function
that suspends also has Cancel. A header none of whose functions suspends may
say so once, by the words "no function of this header does".
"""
import re

import sources

DECLARATION = re.compile(r'^BIDE_API\b([^;{(]*?)\b(\w+)\s*\([^;{]*[;{]', re.M)
ATTRIBUTE = re.compile(r'\bBIDE_[A-Z]+\b')
FOR_THE_HEADER = 'no function of this header does'


def comment_above(source, offset):
    """The comment that ends right above, or None."""
    before = source.text[:offset].rstrip()
    if not before.endswith('*/'):
        return None
    return before[before.rindex('/*'):]


def field(comment, name):
    """What follows "name:" on its line, or None."""
    found = re.search(rf'^ \* {name}: *(.*)$', comment, re.M)
    return found.group(1) if found else None


def missing_fields(comment, returns_nothing, suspends, header_says):
    if field(comment, 'Returns') is None and not returns_nothing:
        yield 'has no "Returns:"'
    if field(comment, 'Thread') is None:
        yield 'has no "Thread:"'
    if suspends and field(comment, 'Cancel') is None:
        yield 'suspends, but has no "Cancel:"'
    told = field(comment, 'Suspends')
    if told is None:
        if suspends or not header_says:
            yield 'has no "Suspends:"'
    elif told.startswith('never') == suspends:
        yield 'contradicts BIDE_SUSPENDS by what "Suspends:" says'


def check(root):
    for source in sources.sources(root, ['include/**/*.h']):
        header_says = FOR_THE_HEADER in ' '.join(
            re.sub(r'\n \*', ' ', source.text).split())
        for found in DECLARATION.finditer(source.text):
            kind, name = found.groups()
            comment = comment_above(source, found.start())
            if comment is None or f' * {name} — ' not in comment:
                whats = [f'has no comment "{name} — ..." right above it']
            else:
                whats = missing_fields(
                    comment, ATTRIBUTE.sub('', kind).strip() == 'void',
                    'BIDE_SUSPENDS' in kind, header_says)
            for what in whats:
                yield (source.path, source.line_at(found.start()),
                       f'{name} {what}')


if __name__ == '__main__':
    sources.main(check)
