# SPDX-License-Identifier: MIT
"""Cases with frameworks: their servers under load by wrk, aiohttp's client
against a server that costs little. As cases.py, each is given a loop."""
import asyncio
import os
import re
import socket
import subprocess
import sys
import time

import cases

RESPONSE = (b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n'
            b'Content-Type: text/plain\r\n\r\nhello')


def wrk(loop, port):
    """Requests a second."""
    seconds = max(1, cases.MEASURED_MS // 1000)
    output = cases.with_load(
        loop, ['wrk', '-t1', '-c64', f'-d{seconds}',
               f'http://127.0.0.1:{port}/'])
    if 'Non-2xx' in output or 'Socket errors' in output:
        raise RuntimeError(output)
    return float(re.search(r'Requests/sec: +([\d.]+)', output)[1])


def under_uvicorn(loop, app):
    import uvicorn
    listener = socket.create_server(('127.0.0.1', 0), backlog=1000)
    server = uvicorn.Server(uvicorn.Config(
        app, log_level='error', access_log=False, lifespan='off',
        http='httptools'))

    async def start():
        task = loop.create_task(server.serve([listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        return task
    task = loop.run_until_complete(start())
    figure = wrk(loop, listener.getsockname()[1])
    server.should_exit = True
    loop.run_until_complete(task)
    return figure


def uvicorn_bare(loop):
    async def app(scope, receive, send):
        await send({'type': 'http.response.start', 'status': 200,
                    'headers': [(b'content-length', b'5')]})
        await send({'type': 'http.response.body', 'body': b'hello'})
    return under_uvicorn(loop, app)


def fastapi_uvicorn(loop):
    import fastapi
    app = fastapi.FastAPI()

    @app.get('/')
    async def hello():
        return {'hello': 'world'}
    return under_uvicorn(loop, app)


def aiohttp_server(loop):
    from aiohttp import web

    async def hello(request):
        return web.Response(text='hello')

    async def start():
        app = web.Application()
        app.router.add_get('/', hello)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, '127.0.0.1', 0)
        await site.start()
        return runner
    runner = loop.run_until_complete(start())
    figure = wrk(loop, runner.addresses[0][1])
    loop.run_until_complete(runner.cleanup())
    return figure


def aiohttp_client(loop):
    import aiohttp

    async def ask(session, url, end):
        count = 0
        while time.perf_counter() < end:
            async with session.get(url) as response:
                await response.read()
            count += 1
        return count

    async def main(port):
        url = f'http://127.0.0.1:{port}/'
        connector = aiohttp.TCPConnector(limit=32)
        async with aiohttp.ClientSession(connector=connector) as session:
            start = time.perf_counter()
            counts = await asyncio.gather(*[
                ask(session, url, start + cases.MEASURED_MS / 1000)
                for _ in range(32)])
            return sum(counts) / (time.perf_counter() - start)
    server = subprocess.Popen([sys.executable, __file__],
                              stdout=subprocess.PIPE, text=True,
                              env=dict(os.environ, PYTHONPATH=''))
    try:
        port = int(server.stdout.readline())
        return loop.run_until_complete(main(port))
    finally:
        server.kill()
        server.wait()


class Server(asyncio.Protocol):
    """Answers each request in the same words."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(RESPONSE * data.count(b'\r\n\r\n'))


async def serve():
    server = await asyncio.get_running_loop().create_server(
        Server, '127.0.0.1', 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == '__main__':
    asyncio.run(serve())
