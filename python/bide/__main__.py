# SPDX-License-Identifier: MIT
"""python -m bide program.py args…: run a program on bide's loop, unchanged.

    python -m bide program.py args…
    python -m bide -m module args…

Locks, queues and the like are in C, too, unless --no-accelerate comes first.
"""
import os
import runpy
import sys

import bide


def main():
    """Install the loop, then be the program."""
    arguments = sys.argv[1:]
    accelerate = arguments[:1] != ['--no-accelerate']
    if not accelerate:
        del arguments[0]
    if not arguments or arguments[0] in ('-h', '--help'):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    bide.install(accelerate=accelerate)
    if arguments[0] == '-m':
        if len(arguments) < 2:
            print('a module is needed after -m', file=sys.stderr)
            return 2
        sys.argv = arguments[1:]
        sys.path[0] = os.getcwd()
        runpy.run_module(arguments[1], run_name='__main__', alter_sys=True)
    else:
        sys.argv = arguments
        sys.path[0] = os.path.dirname(os.path.abspath(arguments[0]))
        runpy.run_path(arguments[0], run_name='__main__')
    return 0


if __name__ == '__main__':
    sys.exit(main())
