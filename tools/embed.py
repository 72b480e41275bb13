#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Write a file as an array of C, with a NUL behind it.

    embed.py NAME INPUT OUTPUT
"""
import pathlib
import sys


def main(name, source, target):
    numbers = [str(byte) for byte in pathlib.Path(source).read_bytes()] + ['0']
    lines = [','.join(numbers[i:i + 16]) for i in range(0, len(numbers), 16)]
    pathlib.Path(target).write_text(
        f'static const unsigned char {name}[] = {{\n' + ',\n'.join(lines) +
        '};\n')


if __name__ == '__main__':
    main(*sys.argv[1:])
