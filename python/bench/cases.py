# SPDX-License-Identifier: MIT
"""What is measured: each case is given a loop and returns a figure.

Rates are operations a second; a case whose figure is better when it is small
says so in run.py's table. The clients of servers are processes of their own,
which run.py compiles; their paths are in the environment.
"""
import asyncio
import os
import resource
import socket
import ssl
import subprocess
import sys
import threading
import time

MEASURED_MS = int(os.environ.get('BENCH_MEASURED_MS', 1000))
CONNECTIONS = 32
SIZE = 1024


def run(loop, coro):
    return loop.run_until_complete(coro)


# ── Echo: the server is measured, a process of its own is the client ──────

def fields_of(output):
    """Figures as the programs in C print them: name=value name=value…"""
    fields = dict(field.split('=') for field in output.split())
    return float(fields['requests']) / float(fields['seconds'])


def with_load(loop, command):
    """Run the loop until a command ends; return its output."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    output = []

    def collect():
        output.append(process.communicate()[0])
        loop.call_soon_threadsafe(loop.stop)

    threading.Thread(target=collect).start()
    loop.run_forever()
    return output[0]


def echo_command(port, pid, size=SIZE):
    return [os.environ['ECHO_CLIENT'], str(port), str(pid), str(CONNECTIONS),
            str(size), '200', str(MEASURED_MS)]


def with_client(loop, start, size=SIZE):
    """Messages a second that a server, started by `start`, echoes."""
    server, port = run(loop, start())
    figure = fields_of(with_load(loop, echo_command(port, os.getpid(), size)))
    server.close()
    return figure


def with_tls_client(loop, start):
    server, port = run(loop, start(server_context()))
    figure = fields_of(with_load(
        loop, [os.environ['TLS_CLIENT'], str(port), str(CONNECTIONS),
               str(SIZE), '200', str(MEASURED_MS)]))
    server.close()
    return figure


def server_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ['CERTIFICATE'], os.environ['KEY'])
    return context


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def protocol_server(context=None):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, '127.0.0.1', 0, ssl=context)
    return server, server.sockets[0].getsockname()[1]


def echo_protocol(loop):
    return with_client(loop, protocol_server)


def echo_tls_protocol(loop):
    return with_tls_client(loop, protocol_server)


async def streams_server(context=None, size=SIZE):
    async def serve(reader, writer):
        try:
            while True:
                data = await reader.readexactly(size)
                writer.write(data)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            writer.close()
    server = await asyncio.start_server(serve, '127.0.0.1', 0, limit=1 << 20,
                                        ssl=context)
    return server, server.sockets[0].getsockname()[1]


def echo_streams(loop):
    return with_client(loop, streams_server)


def echo_tls_streams(loop):
    return with_tls_client(loop, streams_server)


def echo_streams_100k(loop):
    return with_client(loop, lambda: streams_server(size=102400), 102400)


def echo_in_c(loop):
    """A server by hand on epoll: what the machine does without Python."""
    server = subprocess.Popen([os.environ['ECHO_SERVER']], text=True,
                              stdout=subprocess.PIPE)
    port = server.stdout.readline().split('=')[1].strip()
    try:
        return fields_of(with_load(loop, echo_command(port, server.pid)))
    finally:
        server.kill()
        server.wait()


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




# ── What tasks wait for ──────────────────────────────────────────────────

def queue_ping_pong(loop, count=50000):
    async def answer(a, b):
        while True:
            await b.put(await a.get())

    async def main():
        a, b = asyncio.Queue(1), asyncio.Queue(1)
        other = loop.create_task(answer(a, b))
        start = time.perf_counter()
        for i in range(count):
            await a.put(i)
            await b.get()
        figure = rate(count, start)
        other.cancel()
        return figure
    return run(loop, main())


def contended(loop, make, tasks=10, count=5000):
    async def use(lock):
        for _ in range(count):
            async with lock:
                await asyncio.sleep(0)

    async def main():
        lock = make()
        start = time.perf_counter()
        await asyncio.gather(*[use(lock) for _ in range(tasks)])
        return rate(tasks * count, start)
    return run(loop, main())


def lock_contended(loop):
    return contended(loop, asyncio.Lock)


def semaphore_contended(loop):
    return contended(loop, lambda: asyncio.Semaphore(3))


def event_ping_pong(loop, count=50000):
    async def answer(a, b):
        while True:
            await a.wait()
            a.clear()
            b.set()

    async def main():
        a, b = asyncio.Event(), asyncio.Event()
        other = loop.create_task(answer(a, b))
        start = time.perf_counter()
        for _ in range(count):
            a.set()
            await b.wait()
            b.clear()
        figure = rate(count, start)
        other.cancel()
        return figure
    return run(loop, main())


# ── Sizes ────────────────────────────────────────────────────────────────

def resident_bytes():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def task_memory(loop, count=100000):
    """Bytes of a task that waits."""
    async def wait(event):
        await event.wait()

    async def main():
        event = asyncio.Event()
        before = resident_bytes()
        tasks = [loop.create_task(wait(event)) for _ in range(count)]
        await asyncio.sleep(0)
        figure = (resident_bytes() - before) / count
        event.set()
        for task in tasks:
            await task
        return figure
    return run(loop, main())


def import_time(loop):
    """Milliseconds to import the package behind a loop, asyncio apart."""
    name = type(loop).__module__.split('.')[0]
    code = ('import sys, time, asyncio, ssl, socket\n'
            'start = time.perf_counter()\n'
            f'import {name}\n'
            'print(1000 * (time.perf_counter() - start))')
    return min(float(subprocess.run(
        [sys.executable, '-c', code], stdout=subprocess.PIPE, text=True,
        check=True).stdout) for _ in range(5))
