# SPDX-License-Identifier: MIT
"""The same statements as sqlite.c by aiosqlite, on one connection.

    py_aiosqlite.py aiosqlite insert|select DIRECTORY [STATEMENTS [TASKS]]
"""
import asyncio
import os
import random
import sys
import time

import aiosqlite

ROWS = 100000


async def insert(db, number):
    await db.execute('INSERT INTO t (name, n) VALUES (?, ?)',
                     (f'name-{number}', number))
    await db.commit()


async def select(db, _):
    key = random.randint(1, ROWS)
    async with db.execute('SELECT id, name, n FROM t WHERE id = ?',
                          (key,)) as cursor:
        row = await cursor.fetchone()
    if row[0] != key or row[2] != key * 7:
        sys.exit('the row is not the one that was asked for')


async def client(db, statement, work):
    while work['left'] > 0:
        work['left'] -= 1
        await statement(db, work['left'])


async def main(what, directory, count, tasks):
    path = os.path.join(directory, f'bench-{os.getpid()}.db')
    async with aiosqlite.connect(path) as db:
        await db.execute('PRAGMA journal_mode = WAL')
        await db.execute('PRAGMA synchronous = NORMAL')
        await db.execute('CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT '
                         'NOT NULL, n INT)')
        await db.execute('WITH RECURSIVE i(i) AS (VALUES (1) UNION ALL SELECT '
                         'i + 1 FROM i WHERE i < 100000) INSERT INTO t SELECT '
                         "i, 'name-' || i, i * 7 FROM i")
        await db.commit()
        statement = insert if what == 'insert' else select
        work = {'left': count}
        cpu, begin = time.process_time(), time.perf_counter()
        await asyncio.gather(*(client(db, statement, work)
                               for _ in range(tasks)))
        seconds = time.perf_counter() - begin
        cpu = time.process_time() - cpu
    for suffix in '', '-wal', '-shm':
        if os.path.exists(path + suffix):
            os.unlink(path + suffix)
    print(f'rate={count / seconds:.0f} us={seconds / count * 1e6:.3f} '
          f'cpu_us={cpu / count * 1e6:.3f}')


numbers = [int(word) for word in sys.argv[4:]] + [20000, 64][
    len(sys.argv) - 4:]
asyncio.run(main(sys.argv[2], sys.argv[3], *numbers))
