#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The library has the probes that src/task/probe.h lists, and no others.

    probes_test.py ROOT LIBRARY
"""
import pathlib
import re
import subprocess
import sys

LISTED = re.compile(r'^ \*     bide:(\w+) +(.*)$', re.M)
FOUND = re.compile(r'Provider: bide\n +Name: (\w+)\n.*\n +Arguments: (.*)')


def main():
    root, library = pathlib.Path(sys.argv[1]), sys.argv[2]
    listed = {name: len(arguments.split(', ')) for name, arguments in
              LISTED.findall((root / 'src/task/probe.h').read_text())}
    notes = subprocess.run(['readelf', '-n', library], check=True,
                           capture_output=True, text=True).stdout
    found = {name: len(arguments.split()) for name, arguments in
             FOUND.findall(notes)}
    if listed and listed == found:
        return 0
    print(f'probes and their arguments: listed {listed}, found {found}')
    return 1


if __name__ == '__main__':
    sys.exit(main())
