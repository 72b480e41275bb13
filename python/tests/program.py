# SPDX-License-Identifier: MIT
"""A program that knows nothing of bide; test_loop.py runs it by -m bide."""
import asyncio
import sys


async def main():
    kind = type(asyncio.get_running_loop())
    module = kind.__module__.split('.')[0]
    print(__name__, f'{module}.{kind.__name__}', sys.argv[1:])
    sys.exit(3)


if __name__ == '__main__':
    asyncio.run(main())
