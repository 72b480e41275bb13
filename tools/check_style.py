#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The rules of style that a machine can check; CONTRIBUTING.md has the rest.

Lines of at most 80 columns, functions of at most 70 lines, no tabs, a licence
line first, memory only through bide__malloc() and its like, nothing left
undone, nothing that exists on one machine alone.
"""
import re

import sources

COLUMNS_MAX = 80
FUNCTION_LINES_MAX = 70
CODE = ['src/**/*.[chS]', 'include/**/*.h', 'tests/**/*.[ch]',
        'examples/**/*.[ch]', 'bench/**/*.[ch]', 'demo/*.[ch]',
        'python/src/*.[ch]', 'tools/**/*.[ch]']
OTHER = ['*.md', 'docs/**/*.md', 'tools/*', 'tools/*/*.py', 'tests/**/*.py',
         '.ci/*', 'meson*', '**/meson.build', 'Makefile', 'src/*.map', 'bench/*',
         'bench/**/*.py', 'examples/**/*', 'setup.py', 'pyproject.toml',
         'python/*.md', 'python/**/*.py', 'python/**/*.pyi',
         'python/tests/*.txt']
FOREIGN = ('tests/tour/',  # kept as they were given
           'tools/bide/template/')  # our users' own
ALLOCATES = ('src/base/alloc.c', 'src/testing/')  # not bide, but its user
LICENCE = 'SPDX-License-Identifier: MIT'
LICENSED = ('.c', '.h', '.S', '.py', '.sh', '.map', 'meson.build')
MEMORY = re.compile(
    r'(?<![\w.>])((?:m|c|re|aligned_)alloc|reallocarray|posix_memalign|free|'
    r'strn?dup|v?asprintf)\s*\(')
# Spelled in pieces, or this file would complain of itself.
UNDONE = re.compile(r'\b(TO' r'DO|FIX' r'ME|X' r'XX)\b')
MACHINE = re.compile(r'(?<![\w.])/(?:work|root|home)/\w')


def check_text(source):
    for number, line in enumerate(source.lines, 1):
        if line != line.rstrip():
            yield number, 'the line ends in a space'
        if UNDONE.search(line):
            yield number, f'{UNDONE.search(line).group()} is left in'
        if MACHINE.search(line):
            yield number, 'a path that exists on one machine alone'
    if source.path.endswith(LICENSED):
        if not any(LICENCE in line for line in source.lines[:2]):
            yield 1, f'the first line is not "{LICENCE}"'
    if not source.text.endswith('\n') or source.text.endswith('\n\n'):
        yield len(source.lines), 'the file does not end in one newline'


def check_functions(source):
    """A function's braces are alone on their lines, in the first column."""
    begin = None
    for number, line in enumerate(source.lines, 1):
        if line == '{':
            begin = number
        elif line == '}' and begin:
            if number - begin - 1 > FUNCTION_LINES_MAX:
                yield begin, (f'a function of {number - begin - 1} lines, at '
                              f'most {FUNCTION_LINES_MAX}')
            begin = None


def check_code(source):
    for number, line in enumerate(source.lines, 1):
        if len(line) > COLUMNS_MAX:
            yield number, f'{len(line)} columns, at most {COLUMNS_MAX}'
        if '\t' in line:
            yield number, 'a tab'
    if source.path.startswith('src/') and not source.path.startswith(ALLOCATES):
        for found in MEMORY.finditer(source.code()):
            yield source.line_at(found.start()), (
                f'{found.group(1)}() is called: use bide__malloc() and its '
                'like')


def check(root):
    for source in sources.sources(root, CODE + OTHER):
        if source.path.startswith(FOREIGN):
            continue
        found = list(check_text(source))
        if source.path.endswith(('.c', '.h', '.S')):
            found += check_code(source)
            found += check_functions(source)
        for number, what in sorted(found):
            yield source.path, number, what


if __name__ == '__main__':
    sources.main(check)
