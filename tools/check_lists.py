#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every file that should be built or run is listed where it belongs.

Meson is told its sources by name. A file that nobody listed would be compiled
and tested nowhere, and nobody would notice. A directory may have a list of its
own, in its meson.build.
"""
import pathlib
import re

import sources

# What is listed, where, and by which part of its path.
LISTS = [
    ('src/*/*.[cS]', 'src/meson.build', r'src/(.*)'),
    ('tests/*/*_test.c', 'tests/meson.build', r'tests/(.*)_test\.c'),
    ('tests/fuzz/*.c', 'tests/fuzz/meson.build', r'tests/fuzz/(.*)\.c'),
    ('tests/tour/*.c', 'tests/meson.build', r'tests/tour/(.*)\.c'),
    ('examples/**/*.c', 'examples/meson.build', r'examples/(.*)\.c'),
    ('bench/*.c', 'bench/meson.build', r'bench/(.*)\.c'),
]


def is_listed(name, listing):
    return listing.exists() and f"'{name}'" in listing.read_text()


def has_tests_of_its_own(program):
    """Those that run until they are told to end are programs of several files,
    in a directory with a list and a test."""
    return any(program.parent.glob('*_test.py'))


def check(root):
    root = pathlib.Path(root)
    for pattern, where, part in LISTS:
        for source in sources.sources(root, [pattern]):
            name = re.fullmatch(part, source.path).group(1)
            own = (root / source.path).parent / 'meson.build'
            if not (is_listed(name, root / where) or
                    is_listed(name.split('/')[-1], own)):
                yield source.path, 1, f"'{name}' is not listed in {where}"
    for program in sources.sources(root, ['examples/**/*.c']):
        if has_tests_of_its_own(root / program.path):
            continue
        if not (root / program.path).with_suffix('.out').exists():
            yield program.path, 1, 'what it prints is not in a .out beside it'


if __name__ == '__main__':
    sources.main(check)
