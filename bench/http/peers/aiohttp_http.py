#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same by aiohttp: a server, and a client.

    aiohttp_http.py PORT
    aiohttp_http.py get URL CONNECTIONS SECONDS
"""
import asyncio
import resource
import sys
import time

import aiohttp
from aiohttp import web


async def plaintext(_):
    return web.Response(text='Hello, World!')


async def json(_):
    return web.json_response({'message': 'Hello, World!'})


async def echo(request):
    ws = web.WebSocketResponse(compress=False)
    await ws.prepare(request)
    async for message in ws:
        await ws.send_bytes(message.data)
    return ws


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def get(url, connections, seconds):
    connector = aiohttp.TCPConnector(limit=connections)
    end = time.monotonic() + seconds
    count = 0

    async def again_and_again(session):
        nonlocal count
        while time.monotonic() < end:
            async with session.get(url) as response:
                await response.read()
            count += 1

    before = processor_seconds()
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(again_and_again(session)
                               for _ in range(connections)))
    used = processor_seconds() - before
    print(f'requests={count} us={used * 1e6 / count:.4f}')


def main():
    if sys.argv[1] == 'get':
        asyncio.run(get(sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
        return
    app = web.Application()
    app.add_routes([web.get('/plaintext', plaintext), web.get('/json', json),
                    web.get('/ws', echo)])
    web.run_app(app, host='127.0.0.1', port=int(sys.argv[1]), print=None,
                access_log=None)


main()
