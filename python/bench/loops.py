#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How fast programs of asyncio run: asyncio's loop, uvloop's and bide's.

    loops.py [-r ROUNDS] [CASE ...]

Every case runs in a process of its own for each loop, the loops in turn, so
that what slows the machine down slows all alike. Printed are operations a
second, the median of the rounds. The memory allocator is primed: one large
block is freed first, without which asyncio's receive buffers are mapped and
unmapped for each message.
"""
import argparse
import asyncio
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

MEASURED_MS = 1000
CONNECTIONS = 32
ROOT = pathlib.Path(__file__).resolve().parents[2]
SIZE = 1024


def factory(name):
    if name == 'asyncio':
        return asyncio.new_event_loop
    return __import__(name).new_event_loop


def run(loop, coro):
    return loop.run_until_complete(coro)


# ── Echo: the server is measured, a process of its own is the client ──────

def build_client(directory):
    """Compile the load generator of bench/, which checks every byte."""
    path = os.path.join(directory, 'echo_client')
    subprocess.run(
        [os.environ.get('CC', 'cc'), '-O2', '-D_GNU_SOURCE',
         f'-I{ROOT}/include', f'{ROOT}/bench/echo_client.c', '-o', path],
        check=True)
    return path


def with_client(loop, start, size=SIZE):
    """Messages a second that a server, started by `start`, echoes."""
    server, port = run(loop, start())
    process = subprocess.Popen(
        [os.environ['ECHO_CLIENT'], str(port), str(os.getpid()),
         str(CONNECTIONS), str(size), '200', str(MEASURED_MS)],
        stdout=subprocess.PIPE, text=True)

    def collect():
        process.wait()
        loop.call_soon_threadsafe(loop.stop)

    threading.Thread(target=collect).start()
    loop.run_forever()
    server.close()
    fields = dict(field.split('=') for field in process.stdout.read().split())
    return float(fields['requests']) / float(fields['seconds'])


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


def echo_protocol(loop):
    async def start():
        server = await loop.create_server(Echo, '127.0.0.1', 0)
        return server, server.sockets[0].getsockname()[1]
    return with_client(loop, start)


def echo_streams(loop, size=SIZE):
    async def serve(reader, writer):
        try:
            while True:
                data = await reader.readexactly(size)
                writer.write(data)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    async def start():
        server = await asyncio.start_server(serve, '127.0.0.1', 0,
                                            limit=1 << 20)
        return server, server.sockets[0].getsockname()[1]
    return with_client(loop, start, size)


def echo_streams_100k(loop):
    return echo_streams(loop, 102400)


def echo_sock(loop):
    async def serve(sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with sock:
            while data := await loop.sock_recv(sock, 65536):
                await loop.sock_sendall(sock, data)

    async def accept(listener):
        while True:
            sock, _ = await loop.sock_accept(listener)
            tasks.append(loop.create_task(serve(sock)))

    async def start():
        listener = socket.create_server(('127.0.0.1', 0), backlog=100)
        listener.setblocking(False)
        tasks.append(loop.create_task(accept(listener)))
        return listener, listener.getsockname()[1]
    tasks = []
    return with_client(loop, start)


# ── Scheduling ─────────────────────────────────────────────────────────────

def rate(count, start):
    return count / (time.perf_counter() - start)


def call_soon_chain(loop, count=300000):
    left = [count]

    def step():
        left[0] -= 1
        if left[0]:
            loop.call_soon(step)
        else:
            loop.stop()
    loop.call_soon(step)
    start = time.perf_counter()
    loop.run_forever()
    return rate(count, start)


def sleep_zero(loop, count=2000):
    async def spin():
        for _ in range(count):
            await asyncio.sleep(0)

    async def main():
        tasks = [loop.create_task(spin()) for _ in range(100)]
        start = time.perf_counter()
        for task in tasks:
            await task
        return rate(100 * count, start)
    return run(loop, main())


def call_later(loop, count=100000):
    left = [count]

    def fired():
        left[0] -= 1
        if not left[0]:
            loop.stop()
    start = time.perf_counter()
    for i in range(count):
        loop.call_later(0.0001 * (i % 7), fired)
    loop.run_forever()
    return rate(count, start)


async def nothing():
    pass


def create_task(loop, count=100000):
    async def main():
        start = time.perf_counter()
        for _ in range(count):
            await loop.create_task(nothing())
        return rate(count, start)
    return run(loop, main())


def gather(loop, count=100000):
    async def main():
        start = time.perf_counter()
        await asyncio.gather(*[nothing() for _ in range(count)])
        return rate(count, start)
    return run(loop, main())


def task_group(loop, count=100000):
    async def main():
        start = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(nothing())
        return rate(count, start)
    return run(loop, main())


def executor(loop, count=10000):
    async def main():
        start = time.perf_counter()
        for _ in range(count):
            await loop.run_in_executor(None, int)
        return rate(count, start)
    return run(loop, main())


def getaddrinfo(loop, count=5000):
    async def main():
        start = time.perf_counter()
        for _ in range(count):
            await loop.getaddrinfo('127.0.0.1', 80, type=socket.SOCK_STREAM)
        return rate(count, start)
    return run(loop, main())


def connect_close(loop, count=3000):
    async def main():
        server = await loop.create_server(asyncio.Protocol, '127.0.0.1', 0)
        port = server.sockets[0].getsockname()[1]
        start = time.perf_counter()
        for _ in range(count):
            transport, _ = await loop.create_connection(
                asyncio.Protocol, '127.0.0.1', port)
            transport.close()
            await asyncio.sleep(0)
        result = rate(count, start)
        server.close()
        await asyncio.sleep(0.05)
        return result
    return run(loop, main())


def subprocesses(loop, count=200):
    async def main():
        start = time.perf_counter()
        for _ in range(count):
            process = await asyncio.create_subprocess_exec('/bin/true')
            await process.wait()
        return rate(count, start)
    return run(loop, main())


CASES = [echo_protocol, echo_streams, echo_streams_100k, echo_sock,
         call_soon_chain, sleep_zero, call_later, create_task, gather,
         task_group, executor, getaddrinfo, connect_close, subprocesses]


def measure(case, loop_name):
    """In a process of its own: print one figure."""
    block = bytearray(16 << 20)
    del block
    loop = factory(loop_name)()
    asyncio.set_event_loop(loop)
    print(globals()[case](loop), flush=True)
    os._exit(0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('cases', nargs='*')
    parser.add_argument('-r', dest='rounds', type=int, default=3)
    parser.add_argument('--measure')
    options = parser.parse_args()
    if options.measure:
        measure(options.cases[0], options.measure)
    directory = tempfile.TemporaryDirectory()
    os.environ['ECHO_CLIENT'] = build_client(directory.name)
    names = ['asyncio', 'bide']
    try:
        import uvloop
        names.insert(1, 'uvloop')
        print(f'uvloop {uvloop.__version__}, ', end='')
    except ImportError:
        print('no uvloop here, ', end='')
    print(f'Python {sys.version.split()[0]}; operations a second')
    print(f'{"":20}' + ''.join(f'{name:>12}' for name in names))
    for case in options.cases or [case.__name__ for case in CASES]:
        results = {name: [] for name in names}
        for _ in range(options.rounds):
            for name in names:
                output = subprocess.run(
                    [sys.executable, __file__, '--measure', name, case],
                    stdout=subprocess.PIPE, text=True, check=True).stdout
                results[name].append(float(output))
        print(f'{case:20}' + ''.join(
            f'{statistics.median(results[name]):12,.0f}' for name in names),
            flush=True)


if __name__ == '__main__':
    main()
