#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The exported functions are those of the headers and of the list.

    check_symbols.py ROOT LIBRARY...            compare
    check_symbols.py ROOT LIBRARY... --update   write new ones into the list

docs/api/symbols.txt has a line per function: its name and the version that
brought it. Nothing leaves it unnoticed, and nothing private gets in. main() is
what bide-test has beside its functions.
"""
import pathlib
import re
import subprocess
import sys

LIST = 'docs/api/symbols.txt'
DECLARATION = re.compile(r'^BIDE_API\b[^;{(]*?\b(\w+)\s*\(', re.M)


def exported(libraries):
    """What the shared libraries define, less the names of versions."""
    table = subprocess.run(['nm', '-D', '--defined-only', *libraries],
                           capture_output=True, text=True, check=True).stdout
    symbols = [line.split() for line in table.splitlines()]
    names = {words[2].split('@')[0] for words in symbols
             if len(words) == 3 and words[1] != 'A'}
    return names - {'main'}


def declared(root):
    return {name for header in (root / 'include').rglob('*.h')
            for name in DECLARATION.findall(header.read_text())}


def listed(root):
    path = root / LIST
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(line.split() for line in lines)


def update(root, names):
    version = re.search(r"version: '(\d+\.\d+)",
                        (root / 'meson.build').read_text()).group(1)
    since = listed(root)
    (root / LIST).write_text(''.join(
        f'{name} {since.get(name, version)}\n' for name in sorted(names)))


def main():
    root = pathlib.Path(sys.argv[1])
    names = exported([word for word in sys.argv[2:] if word != '--update'])
    if '--update' in sys.argv:
        update(root, names)
    sets = {'the library': names, 'the headers': declared(root),
            LIST: set(listed(root))}
    complaints = [f'{name} is not in {where}'
                  for name in sorted(set().union(*sets.values()))
                  for where, names in sets.items() if name not in names]
    print('\n'.join(complaints))
    return 1 if complaints else 0


if __name__ == '__main__':
    sys.exit(main())
