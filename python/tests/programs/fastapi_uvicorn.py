# SPDX-License-Identifier: MIT
"""FastAPI under uvicorn: checked bodies, dependencies, a function that runs
in a thread, a background task, a streamed body, an orderly end."""
import asyncio
import json
import socket
import urllib.error
import urllib.request

import uvicorn
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

app = FastAPI()
events = []


class Item(BaseModel):
    name: str
    price: float


async def limit(n: int = 10):
    return min(n, 100)


@app.on_event('startup')
async def started():
    events.append('startup')


@app.on_event('shutdown')
async def ended():
    events.append('shutdown')


@app.get('/items/{number}')
async def item(number: int, most: int = Depends(limit)):
    if number > most:
        raise HTTPException(404, 'no such item')
    return {'number': number, 'most': most}


@app.post('/items')
async def add(new: Item, tasks: BackgroundTasks):
    tasks.add_task(events.append, new.name)
    return new


@app.get('/thread')
def in_a_thread():
    return {'loop': asyncio._get_running_loop() is None}


@app.get('/stream')
async def stream():
    async def pieces():
        for i in range(5):
            yield f'{i};'
            await asyncio.sleep(0.001)
    return StreamingResponse(pieces())


def ask(url, data=None):
    request = urllib.request.Request(
        url, data and json.dumps(data).encode(),
        {'Content-Type': 'application/json'})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def main():
    listener = socket.create_server(('127.0.0.1', 0))
    url = f'http://127.0.0.1:{listener.getsockname()[1]}'
    server = uvicorn.Server(uvicorn.Config(app, log_level='warning'))
    serving = asyncio.create_task(server.serve([listener]))
    while not server.started:
        await asyncio.sleep(0.01)

    answers = await asyncio.gather(*[
        asyncio.to_thread(ask, f'{url}/items/{i}?n=20') for i in range(20)])
    assert [json.loads(text)['number'] for _, text in answers] == \
        list(range(20))
    assert (await asyncio.to_thread(ask, f'{url}/items/11'))[0] == 404
    assert (await asyncio.to_thread(ask, f'{url}/items/x'))[0] == 422
    status, text = await asyncio.to_thread(
        ask, f'{url}/items', {'name': 'tea', 'price': 2})
    assert (status, json.loads(text)['price']) == (200, 2.0)
    assert (await asyncio.to_thread(ask, f'{url}/items', {'name': 1}))[0] \
        == 422
    _, text = await asyncio.to_thread(ask, f'{url}/thread')
    assert json.loads(text) == {'loop': True}
    _, text = await asyncio.to_thread(ask, f'{url}/stream')
    assert text == '0;1;2;3;4;'

    server.should_exit = True
    await serving
    assert events == ['startup', 'tea', 'shutdown'], events
    print('loop', type(asyncio.get_running_loop()).__module__)


asyncio.run(main())
