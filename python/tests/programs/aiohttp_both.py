# SPDX-License-Identifier: MIT
"""aiohttp, server and client: JSON, bodies both ways, a stream, WebSockets,
TLS, cancelled and timed-out requests. `aiohttp_both.py CERTIFICATE KEY`."""
import asyncio
import io
import ssl
import sys

import aiohttp
from aiohttp import web


async def hello(request):
    return web.json_response({'name': request.match_info['name']})


async def upload(request):
    size = 0
    async for chunk in request.content.iter_chunked(4096):
        size += len(chunk)
    return web.json_response({'size': size})


async def numbers(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for i in range(100):
        await response.write(b'%d\n' % i)
        if i % 10 == 0:
            await asyncio.sleep(0.001)
    await response.write_eof()
    return response


async def slow(request):
    await asyncio.sleep(0.5)
    return web.Response()


async def socket(request):
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        await ws.send_str(message.data.upper())
    return ws


async def serve(context=None):
    app = web.Application()
    app.add_routes([
        web.get('/hello/{name}', hello), web.post('/upload', upload),
        web.get('/numbers', numbers), web.get('/slow', slow),
        web.get('/socket', socket)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, '127.0.0.1', 0, ssl_context=context)
    await site.start()
    return runner, runner.addresses[0][1]


async def exercise(session, url):
    async def greet(i):
        async with session.get(f'{url}/hello/n{i}') as response:
            assert response.status == 200
            return (await response.json())['name']
    names = await asyncio.gather(*[greet(i) for i in range(50)])
    assert names == [f'n{i}' for i in range(50)]

    async with session.post(f'{url}/upload', data=io.BytesIO(bytes(3000000))) as response:
        assert await response.json() == {'size': 3000000}

    async def pieces():
        for _ in range(20):
            yield b'y' * 1000
            await asyncio.sleep(0)
    async with session.post(f'{url}/upload', data=pieces()) as response:
        assert await response.json() == {'size': 20000}

    async with session.get(f'{url}/numbers') as response:
        lines = [int(line) async for line in response.content]
        assert lines == list(range(100))

    async with session.ws_connect(f'{url}/socket') as ws:
        for word in ['one', 'two', 'x' * 100000]:
            await ws.send_str(word)
            assert await ws.receive_str() == word.upper()


async def main(certificate, key):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    runner, port = await serve()
    secure, secure_port = await serve(server)
    trust = ssl.create_default_context(cafile=certificate)
    connector = aiohttp.TCPConnector(ssl=trust)
    async with aiohttp.ClientSession(connector=connector) as session:
        await exercise(session, f'http://127.0.0.1:{port}')
        await exercise(session, f'https://localhost:{secure_port}')
        try:
            await session.get(f'http://127.0.0.1:{port}/slow',
                              timeout=aiohttp.ClientTimeout(total=0.05))
            raise AssertionError('no timeout')
        except asyncio.TimeoutError:
            pass
    await runner.cleanup()
    await secure.cleanup()
    print('loop', type(asyncio.get_running_loop()).__module__)


asyncio.run(main(*sys.argv[1:]))
