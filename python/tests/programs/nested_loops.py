# SPDX-License-Identifier: MIT
"""nest_asyncio: a loop that is run while it runs, as notebooks do."""
import asyncio

import nest_asyncio


async def inner(i):
    await asyncio.sleep(0.001)
    return i * 2


def from_outside(i):
    return asyncio.get_event_loop().run_until_complete(inner(i))


async def outer():
    results = []
    for i in range(5):
        await asyncio.sleep(0)
        results.append(from_outside(i))
    results.append(asyncio.run(inner(5)))
    return results


async def main():
    nest_asyncio.apply()
    assert await outer() == [0, 2, 4, 6, 8, 10]
    assert await asyncio.gather(outer(), outer()) == [[0, 2, 4, 6, 8, 10]] * 2
    print('loop', type(asyncio.get_running_loop()).__module__)


asyncio.run(main())
