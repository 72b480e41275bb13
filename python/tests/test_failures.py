# SPDX-License-Identifier: MIT
"""Exceptions out of every callback, and interrupts at any moment.

    python3 python/tests/test_failures.py

What asyncio's own loop makes of an exception, ours must make of it: each case
runs on both, and what was reported and who was told is compared.
"""
import asyncio
import contextlib
import gc
import os
import random
import signal
import socket
import unittest
import warnings

import bide
import report


class Failure(Exception):
    pass


KINDS = [Failure, OSError, asyncio.CancelledError, KeyboardInterrupt,
         SystemExit]


class Talker(asyncio.Protocol):
    """A server's protocol that raises in one of its methods."""

    where = kind = None
    log = None

    def fail(self, name):
        self.log.append(name)
        if name == self.where:
            raise self.kind

    def connection_made(self, transport):
        self.transport = transport
        transport.set_write_buffer_limits(high=0)
        self.fail('connection_made')

    def data_received(self, data):
        if 'data_received' in self.log:
            return
        self.fail('data_received')
        self.transport.write(b'x' * 8000000)

    def pause_writing(self):
        self.fail('pause_writing')

    def resume_writing(self):
        if 'resume_writing' not in self.log:
            self.fail('resume_writing')

    def eof_received(self):
        self.fail('eof_received')

    def connection_lost(self, exc):
        self.log.append(type(exc).__name__)
        self.fail('connection_lost')


class BufferedTalker(Talker, asyncio.BufferedProtocol):

    def get_buffer(self, hint):
        if 'get_buffer' not in self.log:
            self.fail('get_buffer')
        return bytearray(100)

    def buffer_updated(self, count):
        if 'buffer_updated' not in self.log:
            self.fail('buffer_updated')


async def conversation(base, where, kind, log):
    loop = asyncio.get_running_loop()

    def handler(_, context):
        # Each loop has its own words for the callback of connection_made().
        message = context['message']
        if message.startswith('Exception in callback'):
            message = 'Exception in callback'
        log.append((message, type(context.get('exception')).__name__))
    loop.set_exception_handler(handler)
    factory = type('Server', (base,),
                   {'where': where, 'kind': kind, 'log': log})
    server = await loop.create_server(factory, '127.0.0.1', 0)
    sock = socket.socket()
    sock.setblocking(False)
    with sock:
        await loop.sock_connect(sock, server.sockets[0].getsockname())
        await loop.sock_sendall(sock, b'hello')
        await asyncio.sleep(0.01)
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
        await asyncio.sleep(0.01)
        # asyncio leaves unread bytes, which reset the connection.
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(0.1):
                while await loop.sock_recv(sock, 1 << 20):
                    pass
    await asyncio.sleep(0.01)
    server.close()


def outcome(loop_factory, base, where, kind):
    log = []
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', ResourceWarning)
        loop = loop_factory()
        try:
            loop.run_until_complete(conversation(base, where, kind, log))
        except BaseException as error:
            log.append(('out of run', type(error).__name__))
        result = log.copy()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        for _ in range(5):
            with contextlib.suppress(kind):  # asyncio raises it again
                loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        del loop
        gc.collect()
    return result


class OutOfCallbacks(unittest.TestCase):

    maxDiff = None

    def compare(self, base, places):
        for where in places:
            for kind in KINDS:
                with self.subTest(where=where, kind=kind.__name__):
                    self.assertEqual(
                        outcome(bide.new_event_loop, base, where, kind),
                        outcome(asyncio.SelectorEventLoop, base, where, kind))

    def test_protocols(self):
        self.compare(Talker, [
            None, 'connection_made', 'data_received', 'pause_writing',
            'eof_received', 'connection_lost'])

    def test_buffered_protocols(self):
        self.compare(BufferedTalker, [None, 'get_buffer', 'buffer_updated'])

    def test_handles_readers_and_signals(self):
        def run(loop_factory, kind):
            told = []

            def fail(name):
                told.append(name)
                if name == 'reader':
                    loop.remove_reader(read_end)
                raise kind
            loop = loop_factory()
            read_end, write_end = os.pipe()
            os.write(write_end, b'x')
            loop.set_exception_handler(
                lambda _, c: told.append(type(c['exception']).__name__))
            for start in [lambda: loop.call_soon(fail, 'soon'),
                          lambda: loop.call_later(0.001, fail, 'later'),
                          lambda: loop.add_reader(read_end, fail, 'reader'),
                          lambda: (loop.add_signal_handler(
                              signal.SIGUSR1, fail, 'signal'),
                              os.kill(os.getpid(), signal.SIGUSR1))]:
                start()
                try:
                    loop.run_until_complete(asyncio.sleep(0.01))
                except BaseException as error:
                    told.append(('out of run', type(error).__name__))
                    loop.run_until_complete(asyncio.sleep(0.01))
            loop.close()
            os.close(read_end)
            os.close(write_end)
            return told
        for kind in KINDS:
            with self.subTest(kind=kind.__name__):
                self.assertEqual(run(bide.new_event_loop, kind),
                                 run(asyncio.SelectorEventLoop, kind))


class Interrupted(unittest.TestCase):

    async def work(self):
        """A little of everything but threads, whose locks an interrupt may
        leave locked in concurrent.futures."""
        loop = asyncio.get_running_loop()

        async def serve(reader, writer):
            while data := await reader.read(1000):
                writer.write(data)
            writer.close()
        server = await asyncio.start_server(serve, '127.0.0.1', 0)
        address = server.sockets[0].getsockname()

        async def talk():
            reader, writer = await asyncio.open_connection(*address)
            for _ in range(5):
                writer.write(b'x' * 500)
                await reader.readexactly(500)
            writer.close()
            await writer.wait_closed()

        async def by_hand():
            with socket.socket() as sock:
                sock.setblocking(False)
                await loop.sock_connect(sock, address)
                for _ in range(5):
                    await loop.sock_sendall(sock, b'y' * 100)
                    await loop.sock_recv(sock, 1000)
        for _ in range(100):
            await asyncio.gather(talk(), talk(), by_hand(),
                                 asyncio.sleep(0.0001))
        server.close()

    def test_at_any_moment(self):
        def interrupt(signum, frame):
            raise KeyboardInterrupt
        old = signal.signal(signal.SIGALRM, interrupt)
        self.addCleanup(signal.signal, signal.SIGALRM, old)
        rng = random.Random(1)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            for _ in range(60):
                loop = bide.new_event_loop()
                loop.set_exception_handler(lambda *_: None)
                task = loop.create_task(self.work())
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-4, 0.02))
                try:
                    loop.run_until_complete(task)
                except BaseException as error:
                    self.assertIsInstance(error, (KeyboardInterrupt,
                                                  asyncio.CancelledError))
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
                for other in asyncio.all_tasks(loop):
                    other.cancel()
                for _ in range(5):  # they pass it on
                    with contextlib.suppress(KeyboardInterrupt):
                        loop.run_until_complete(asyncio.sleep(0.001))
                loop.close()
                del loop, task
                gc.collect()


if __name__ == '__main__':
    report.main()
