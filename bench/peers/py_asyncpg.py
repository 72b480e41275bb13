# SPDX-License-Identifier: MIT
"""One row by key from PostgreSQL, by asyncpg on uvloop: the same as
postgres.c.

    py_asyncpg.py asyncpg URL [STATEMENTS [TASKS [CONNECTIONS]]]
"""
import asyncio
import random
import sys
import time

import asyncpg

try:
    import uvloop
except ImportError:
    uvloop = None

ROWS = 100000
QUERY = 'SELECT id, name, n FROM bench WHERE id = $1'


async def client(pool, work):
    while work['left'] > 0:
        work['left'] -= 1
        key = random.randint(1, ROWS)
        row = await pool.fetchrow(QUERY, key)
        if row['id'] != key or row['n'] != key * 7:
            sys.exit('the row is not the one that was asked for')


async def run(pool, count, tasks):
    work = {'left': count}
    await asyncio.gather(*(client(pool, work) for _ in range(tasks)))


async def main(url, count, tasks, connections):
    async with asyncpg.create_pool(url, min_size=connections,
                                   max_size=connections) as pool:
        await run(pool, 20 * tasks, tasks)
        cpu, begin = time.process_time(), time.perf_counter()
        await run(pool, count, tasks)
        seconds = time.perf_counter() - begin
        cpu = time.process_time() - cpu
    print(f'rate={count / seconds:.0f} us={seconds / count * 1e6:.3f} '
          f'cpu_us={cpu / count * 1e6:.3f}')


if uvloop:
    uvloop.install()
numbers = [int(word) for word in sys.argv[3:]] + [100000, 100, 10][
    len(sys.argv) - 3:]
asyncio.run(main(sys.argv[2], *numbers))
