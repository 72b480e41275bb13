# SPDX-License-Identifier: MIT
"""Jobs from being put in to being done, by arq and two worker processes.

    py_arq.py URL [COUNT]
"""
import asyncio
import multiprocessing
import sys
import time

import arq
from arq.connections import RedisSettings
from arq.worker import Worker

TASKS = 100


async def nothing(_, data):
    return None


def work(url):
    asyncio.set_event_loop(asyncio.new_event_loop())
    # Without keeping results, asking without a pause: the fastest it can be.
    Worker([nothing], redis_settings=RedisSettings.from_dsn(url), burst=True,
           keep_result=0, max_jobs=100, poll_delay=0.001,
           handle_signals=False).run()


async def put(url, count):
    left = count
    redis = await arq.create_pool(RedisSettings.from_dsn(url))

    async def some():
        nonlocal left
        while left > 0:
            left -= 1
            await redis.enqueue_job('nothing', 'data')

    await asyncio.gather(*(some() for _ in range(TASKS)))
    await redis.aclose()


async def count_left(url):
    redis = await arq.create_pool(RedisSettings.from_dsn(url))
    left = await redis.zcard('arq:queue')
    await redis.aclose()
    return left


def main(url, count):
    begin = time.perf_counter()
    asyncio.run(put(url, count))
    workers = [multiprocessing.Process(target=work, args=(url,))
               for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - begin
    left = asyncio.run(count_left(url))
    if left:
        sys.exit(f'{left} jobs were not done')
    print(f'per_second={count / seconds:.0f}')


if __name__ == '__main__':
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5000)
