# SPDX-License-Identifier: MIT
"""The same as examples/techempower, by FastAPI under uvicorn with uvloop, and
asyncpg. Arguments: PORT URL."""
import html
import random
import sys

import asyncpg
import fastapi
import uvicorn

SELECT = 'SELECT id, randomnumber FROM world WHERE id = $1'
UPDATE = ('UPDATE world SET randomnumber = new.number '
          'FROM unnest($1::int[], $2::int[]) AS new (id, number) '
          'WHERE world.id = new.id')
pool = None


app = fastapi.FastAPI()


@app.on_event('startup')
async def connect():
    global pool
    pool = await asyncpg.create_pool(sys.argv[2], min_size=16, max_size=16)


def count_of(text):
    try:
        return max(1, min(int(text), 500))
    except ValueError:
        return 1


async def fetch_worlds(connection, count):
    statement = await connection.prepare(SELECT)
    worlds = []
    for key in random.sample(range(1, 10001), count):
        row = await statement.fetchrow(key)
        worlds.append({'id': row[0], 'randomNumber': row[1]})
    return worlds


# The replies are made here: FastAPI's own way by its models is slower.

@app.get('/db')
async def db():
    row = await pool.fetchrow(SELECT, random.randint(1, 10000))
    return fastapi.responses.JSONResponse(
        {'id': row[0], 'randomNumber': row[1]})


@app.get('/queries')
async def queries(queries: str = '1'):
    async with pool.acquire() as connection:
        return fastapi.responses.JSONResponse(
            await fetch_worlds(connection, count_of(queries)))


@app.get('/updates')
async def updates(queries: str = '1'):
    async with pool.acquire() as connection:
        worlds = await fetch_worlds(connection, count_of(queries))
        worlds.sort(key=lambda world: world['id'])
        for world in worlds:
            world['randomNumber'] = random.randint(1, 10000)
        await connection.execute(
            UPDATE, [world['id'] for world in worlds],
            [world['randomNumber'] for world in worlds])
    return fastapi.responses.JSONResponse(worlds)


@app.get('/fortunes')
async def fortunes():
    rows = await pool.fetch('SELECT id, message FROM fortune')
    rows = [tuple(row) for row in rows]
    rows.append((0, 'Additional fortune added at request time.'))
    rows.sort(key=lambda row: row[1])
    cells = ''.join(f'<tr><td>{key}</td><td>{html.escape(message)}</td></tr>'
                    for key, message in rows)
    return fastapi.responses.HTMLResponse(
        '<!DOCTYPE html><html><head><title>Fortunes</title></head><body>'
        f'<table><tr><th>id</th><th>message</th></tr>{cells}</table></body>'
        '</html>')


if __name__ == '__main__':
    uvicorn.run(app, host='127.0.0.1', port=int(sys.argv[1]), loop='uvloop',
                log_level='critical', access_log=False)
