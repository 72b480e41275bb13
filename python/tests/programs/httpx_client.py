# SPDX-License-Identifier: MIT
"""httpx: many requests at once to a server of asyncio's streams, with and
without TLS, a time limit. `httpx_client.py CERTIFICATE KEY`."""
import asyncio
import ssl
import sys

import httpx


async def serve(reader, writer):
    try:
        while head := await reader.readuntil(b'\r\n\r\n'):
            path = head.split()[1].decode()
            size = 0
            for line in head.decode().lower().split('\r\n'):
                if line.startswith('content-length:'):
                    size = int(line.split(':')[1])
            body = await reader.readexactly(size)
            if path == '/slow':
                await asyncio.sleep(60)
            answer = body or path.encode()
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n'
                         % len(answer) + answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, OSError):
        pass
    finally:
        writer.close()


async def exercise(client, url):
    answers = await asyncio.gather(*[
        client.get(f'{url}/page{i}') for i in range(60)])
    assert [a.text for a in answers] == [f'/page{i}' for i in range(60)]
    big = bytes(range(256)) * 4000
    answer = await client.post(f'{url}/', content=big)
    assert answer.content == big
    try:
        await client.get(f'{url}/slow', timeout=0.05)
        raise AssertionError('no timeout')
    except httpx.ReadTimeout:
        pass


async def main(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    plain = await asyncio.start_server(serve, '127.0.0.1', 0)
    secure = await asyncio.start_server(serve, 'localhost', 0, ssl=context)
    async with httpx.AsyncClient(verify=certificate, timeout=20) as client:
        for scheme, host, server in [('http', '127.0.0.1', plain),
                                     ('https', 'localhost', secure)]:
            port = server.sockets[0].getsockname()[1]
            await exercise(client, f'{scheme}://{host}:{port}')
    plain.close()
    secure.close()
    print('loop', type(asyncio.get_running_loop()).__module__)


asyncio.run(main(*sys.argv[1:]))
