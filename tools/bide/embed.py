#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Write files into a C source as strings: embed.py OUTPUT ROOT FILE...

They become an array `templates` of their paths below ROOT and their texts.
"""
import pathlib
import sys


def quoted(line):
    line = line.replace('\\', '\\\\').replace('"', '\\"')
    return f'    "{line}\\n"'


def main():
    output = pathlib.Path(sys.argv[1])
    root = pathlib.Path(sys.argv[2]).resolve()
    parts = ['#include "template.h"\n\nconst struct template templates[] = {']
    for name in sys.argv[3:]:
        path = pathlib.Path(name).resolve()
        parts.append(f'{{"{path.relative_to(root).as_posix()}",')
        parts += map(quoted, path.read_text().splitlines())
        parts.append('},')
    parts.append('{0, 0}};\n')
    output.write_text('\n'.join(parts))


if __name__ == '__main__':
    main()
