#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Start /usr/bin/true and wait for its end, on asyncio or uvloop.

    py_processes.py asyncio|uvloop [count [at once]]
"""
import asyncio
import sys
import time


async def run_one():
    process = await asyncio.create_subprocess_exec('/usr/bin/true')
    assert await process.wait() == 0


async def run(count, at_once):
    await run_one()
    begin = time.monotonic()
    for _ in range(count // at_once):
        await asyncio.gather(*(run_one() for _ in range(at_once)))
    each = (time.monotonic() - begin) / (count // at_once * at_once)
    print(f'us={each * 1e6:.2f}')


def main():
    if sys.argv[1] == 'uvloop':
        import uvloop
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    numbers = [int(text) for text in sys.argv[2:]] or [1000]
    asyncio.run(run(numbers[0], numbers[1] if len(numbers) > 1 else 1))


main()
