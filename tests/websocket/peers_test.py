#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Python's websockets against a server and a client of ours.

    peers_test.py PROGRAM      which is tests/websocket/peer.c
"""
import asyncio
import os
import subprocess
import sys

try:
    import websockets
except ImportError:
    print('skipped: Python has no module websockets')
    sys.exit(77)

SIZES = [0, 1, 125, 126, 2048, 2049, 16384, 16385, 65535, 65536, 1000000]


def messages():
    for size in SIZES:
        yield 'é' * (size // 2) + 'x' * (size % 2)
        yield os.urandom(size)
        yield b'0123456789abcdef' * (size // 16)


async def check_server(port, compression):
    """Their client, our server."""
    uri = f'ws://127.0.0.1:{port}/'
    async with websockets.connect(uri, compression=compression,
                                  subprotocols=['echo'],
                                  max_size=None) as ws:
        assert ws.subprotocol == 'echo'
        for message in messages():
            await ws.send(message)
            assert await ws.recv() == message
        await ws.send(['in ', 'three ', 'pieces'])
        assert await ws.recv() == 'in three pieces'
        await (await ws.ping())
        many = [str(i) for i in range(1000)]
        for message in many:
            await ws.send(message)
        assert [await ws.recv() for _ in many] == many
        await ws.close(4000, 'done')
        assert ws.close_code == 4000, ws.close_code
    ws = await websockets.connect(uri, compression=compression)
    try:
        await ws.send(b'x' * 5000001)
        await ws.recv()
        raise AssertionError('a message beyond the limit came back')
    except websockets.ConnectionClosed as error:
        assert error.rcvd.code == 1009, error


async def check_client(program, compression):
    """Our client, their server."""
    seen = asyncio.get_running_loop().create_future()

    async def echo(ws):
        count = 0
        try:
            while True:
                await ws.send(await ws.recv())
                count += 1
        except websockets.ConnectionClosed:
            pass
        seen.set_result((count, ws.close_code, ws.close_reason))

    async with websockets.serve(echo, '127.0.0.1', 0, max_size=None,
                                subprotocols=['echo'],
                                compression=compression) as server:
        port = server.sockets[0].getsockname()[1]
        client = await asyncio.create_subprocess_exec(
            program, 'connect', f'ws://127.0.0.1:{port}/')
        assert await client.wait() == 0
        count, code, reason = await seen
        assert count > 20 and code == 4001 and reason == 'enough'


def main(program):
    with subprocess.Popen([program, 'serve'], stdout=subprocess.PIPE,
                          stdin=subprocess.PIPE) as server:
        port = int(server.stdout.readline())
        for compression in [None, 'deflate']:
            asyncio.run(asyncio.wait_for(check_server(port, compression), 20))
            asyncio.run(asyncio.wait_for(check_client(program, compression),
                                         20))
        server.stdin.close()
        assert server.wait() == 0


if __name__ == '__main__':
    main(sys.argv[1])
