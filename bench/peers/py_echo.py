#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A TCP echo server on asyncio or uvloop, by Protocol or by Streams.

    py_echo.py asyncio|uvloop protocol|streams [cold]

Prints `port=N` and serves until it is killed.

Both loops read into fresh buffers of 256 KiB. malloc(3) maps and unmaps such
a buffer each time, until a larger block has been freed once, as happens early
in most real programs. A large block is therefore freed at the start, unless
`cold` is given; it makes a difference of 3 for asyncio's Protocol.
"""
import asyncio
import sys


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def echo(reader, writer):
    while data := await reader.read(262144):
        writer.write(data)
        await writer.drain()
    writer.close()


async def serve(style):
    loop = asyncio.get_running_loop()
    if style == "protocol":
        server = await loop.create_server(Echo, "127.0.0.1", 0, backlog=4096)
    else:
        server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=4096)
    print(f"port={server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in ('asyncio', "uvloop") \
            or sys.argv[2] not in ("protocol", "streams"):
        sys.exit("usage: py_echo.py asyncio|uvloop protocol|streams [cold]")
    if "cold" not in sys.argv[3:]:
        bytearray(16 << 20)
    if sys.argv[1] == "uvloop":
        import uvloop
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(serve(sys.argv[2]))


main()
