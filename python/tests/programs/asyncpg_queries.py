# SPDX-License-Identifier: MIT
"""asyncpg: a pool, prepared statements, transactions, COPY, notifications,
cancelled queries. `asyncpg_queries.py SOCKET-DIRECTORY`."""
import asyncio
import sys

import asyncpg


async def queries(pool):
    async def one(i):
        async with pool.acquire() as connection:
            return await connection.fetchval('SELECT $1::int * 2', i)
    values = await asyncio.gather(*[one(i) for i in range(200)])
    assert values == [2 * i for i in range(200)]


async def changes(pool):
    async with pool.acquire() as connection:
        await connection.execute(
            'CREATE TABLE words (id serial PRIMARY KEY, word text)')
        try:
            async with connection.transaction():
                await connection.execute(
                    "INSERT INTO words (word) VALUES ('lost')")
                raise KeyError
        except KeyError:
            pass
        await connection.copy_records_to_table(
            'words', columns=['word'],
            records=[(f'word {i}' * 20,) for i in range(5000)])
        assert await connection.fetchval('SELECT count(*) FROM words') == 5000
        seen = 0
        async with connection.transaction():
            async for row in connection.cursor('SELECT word FROM words'):
                seen += len(row['word']) > 0
        assert seen == 5000


async def notifications(pool):
    heard = asyncio.Queue()
    async with pool.acquire() as listener, pool.acquire() as speaker:
        await listener.add_listener(
            'news', lambda *args: heard.put_nowait(args[3]))
        for i in range(10):
            await speaker.execute("SELECT pg_notify('news', $1)", str(i))
        got = [await asyncio.wait_for(heard.get(), 10) for _ in range(10)]
        assert got == [str(i) for i in range(10)]
        await listener.reset()


async def cancelled(pool):
    async with pool.acquire() as connection:
        try:
            await asyncio.wait_for(
                connection.execute('SELECT pg_sleep(30)'), 0.05)
            raise AssertionError('no timeout')
        except asyncio.TimeoutError:
            pass
        assert await connection.fetchval('SELECT 1') == 1
        try:
            await connection.fetch('SELECT nonsense')
            raise AssertionError('no error')
        except asyncpg.UndefinedColumnError:
            pass


async def main(directory):
    async with asyncpg.create_pool(
            host=directory, user='postgres', database='postgres',
            min_size=1, max_size=8) as pool:
        await queries(pool)
        await changes(pool)
        await notifications(pool)
        await cancelled(pool)
    print('loop', type(asyncio.get_running_loop()).__module__)


asyncio.run(main(sys.argv[1]))
