# SPDX-License-Identifier: MIT
"""TLS, beyond what CPython's own tests ask.

    python3 python/tests/test_tls.py
"""
import asyncio
import gc
import os
import ssl
import subprocess
import sys
import tempfile
import unittest
import warnings
import weakref

import bide
import report

directory = None


def setUpModule():
    global directory
    directory = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(directory.cleanup)
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
         'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj',
         '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
         '-out', directory.name + '/cert', '-keyout', directory.name + '/key'],
        check=True, stderr=subprocess.DEVNULL)
    bide.install()


def server_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory.name + '/cert', directory.name + '/key')
    return context


def client_context():
    return ssl.create_default_context(cafile=directory.name + '/cert')


class Recorder(asyncio.Protocol):
    """Keeps what it gets; echoes if told."""

    def __init__(self, echo=False):
        self.echo = echo
        self.data = bytearray()
        self.calls = 0
        self.events = []
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        self.events.append('made')

    def data_received(self, data):
        self.calls += 1
        self.data += data
        if self.echo:
            self.transport.write(data)

    def pause_writing(self):
        self.events.append('pause')

    def resume_writing(self):
        self.events.append('resume')

    def eof_received(self):
        self.events.append('eof')

    def connection_lost(self, exc):
        self.events.append('lost')
        if not self.lost.done():
            self.lost.set_result(exc)


class Buffered(asyncio.BufferedProtocol):
    """By a small buffer."""

    def __init__(self):
        self.buffer = bytearray(1000)
        self.data = bytearray()

    def get_buffer(self, hint):
        return memoryview(self.buffer)

    def buffer_updated(self, count):
        self.data += self.buffer[:count]


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


class Tls(unittest.IsolatedAsyncioTestCase):

    async def asyncSetUp(self):
        self.loop = asyncio.get_running_loop()
        self.assertIsInstance(self.loop, bide.Loop)
        self.loop.set_debug(False)
        self.told = []
        self.loop.set_exception_handler(lambda _, c: self.told.append(c))

    async def connect(self, server_factory, client_factory=Recorder):
        """A server's protocol, and a client's with its transport."""
        made = []

        def factory():
            made.append(server_factory())
            return made[-1]
        server = await self.loop.create_server(factory, 'localhost', 0,
                                               ssl=server_context())
        self.addCleanup(server.close)
        transport, protocol = await self.loop.create_connection(
            client_factory, 'localhost',
            server.sockets[0].getsockname()[1], ssl=client_context())
        self.addCleanup(transport.abort)
        await until(lambda: made and (
            not isinstance(made[0], Recorder) or made[0].events))
        return made[0], transport, protocol

    async def test_what_is_written_comes_back(self):
        _, transport, client = await self.connect(lambda: Recorder(True))
        expected = b''
        for size in 1, 0, 100, 16383, 16384, 16385, 300000, 5:
            data = os.urandom(size)
            transport.write(data)
            expected += data
        transport.writelines([b'a', bytearray(b'b'), memoryview(b'c')])
        expected += b'abc'
        await until(lambda: len(client.data) >= len(expected))
        self.assertEqual(client.data, expected)
        self.assertEqual(self.told, [])

    async def test_small_messages_are_delivered_one_by_one(self):
        server, transport, client = await self.connect(lambda: Recorder(True))
        for i in range(200):
            transport.write(b'%d' % i)
            await until(lambda: client.calls == i + 1)
        self.assertEqual(client.data, b''.join(b'%d' % i for i in range(200)))

    async def test_much_data_is_read_in_few_calls(self):
        server, transport, _ = await self.connect(Recorder)
        data = os.urandom(4 << 20)
        transport.write(data)
        await until(lambda: len(server.data) >= len(data))
        self.assertEqual(server.data, data)
        self.assertLess(server.calls, 200)

    async def test_writing_is_paused_and_resumed(self):
        server, transport, client = await self.connect(Recorder)
        await until(lambda: server.events)
        server.transport.pause_reading()
        transport.set_write_buffer_limits(high=10000)
        total = 0
        while 'pause' not in client.events:
            transport.write(b'x' * 100000)
            total += 100000
            await asyncio.sleep(0)
        self.assertGreater(transport.get_write_buffer_size(), 0)
        await asyncio.sleep(0.01)
        server.transport.resume_reading()
        await until(lambda: 'resume' in client.events)
        await until(lambda: len(server.data) == total)

    async def test_nothing_is_delivered_while_reading_is_paused(self):
        server, transport, _ = await self.connect(Recorder)
        await until(lambda: server.events)
        server.transport.pause_reading()
        transport.write(b'x' * 1000000)
        await asyncio.sleep(0.02)
        self.assertEqual(server.calls, 0)
        self.assertFalse(server.transport.is_reading())
        server.transport.resume_reading()
        await until(lambda: len(server.data) == 1000000)

    async def test_a_buffered_protocol_gets_all_bytes(self):
        server, transport, _ = await self.connect(Buffered)
        data = os.urandom(200000)
        transport.write(data)
        await until(lambda: len(server.data) == len(data))
        self.assertEqual(server.data, data)

    async def test_close_sends_what_was_written_and_says_so(self):
        server, transport, client = await self.connect(Recorder)
        data = os.urandom(1 << 20)
        transport.write(data)
        transport.close()
        self.assertTrue(transport.is_closing())
        self.assertIsNone(await asyncio.wait_for(client.lost, 20))
        self.assertIsNone(await asyncio.wait_for(server.lost, 20))
        self.assertEqual(server.data, data)
        self.assertEqual(server.events, ['made', 'eof', 'lost'])
        transport.write(b'to nobody')

    async def test_abort_ends_it_at_once(self):
        server, transport, client = await self.connect(Recorder)
        transport.abort()
        await asyncio.wait_for(client.lost, 20)
        await asyncio.wait_for(server.lost, 20)

    async def test_an_exception_out_of_data_received_ends_the_connection(self):
        class Failing(Recorder):
            def data_received(self, data):
                raise ZeroDivisionError
        server, transport, client = await self.connect(Failing)
        transport.write(b'x')
        self.assertIsInstance(await asyncio.wait_for(server.lost, 20),
                              ZeroDivisionError)
        await asyncio.wait_for(client.lost, 20)
        self.assertEqual(self.told[0]['message'],
                         'Fatal error on SSL protocol')

    async def test_a_transport_is_closed_from_inside_data_received(self):
        class Closing(Recorder):
            def data_received(self, data):
                self.transport.write(b'bye')
                self.transport.close()
                self.transport.write(b'too late')
        server, transport, client = await self.connect(Closing)
        transport.write(b'x')
        await asyncio.wait_for(client.lost, 20)
        self.assertEqual(client.data, b'bye')
        self.assertEqual(self.told, [])

    async def test_what_is_known_of_the_connection(self):
        _, transport, _ = await self.connect(Recorder)
        info = transport.get_extra_info
        self.assertIn('TLS', info('ssl_object').version())
        self.assertEqual(info('peercert')['subject'],
                         ((('commonName', 'localhost'),),))
        self.assertEqual(info('peername')[1], info('socket').getpeername()[1])
        self.assertIsInstance(transport, asyncio.Transport)

    async def test_an_untrusted_certificate_is_refused(self):
        server = await self.loop.create_server(Recorder, 'localhost', 0,
                                               ssl=server_context())
        self.addCleanup(server.close)
        with self.assertRaises(ssl.SSLCertVerificationError):
            await self.loop.create_connection(
                Recorder, 'localhost', server.sockets[0].getsockname()[1],
                ssl=ssl.create_default_context())

    async def test_a_connection_is_upgraded_twice(self):
        """start_tls() on a plain connection, then TLS within TLS."""
        async def serve(reader, writer):
            try:
                for _ in range(2):
                    self.assertEqual(await reader.readline(), b'upgrade\n')
                    writer.write(b'go\n')
                    await writer.drain()
                    await writer.start_tls(server_context())
                while data := await reader.read(65536):
                    writer.write(data)
                    await writer.drain()
            finally:
                writer.close()
        server = await asyncio.start_server(serve, 'localhost', 0)
        self.addCleanup(server.close)
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname()[:2])
        for _ in range(2):
            writer.write(b'upgrade\n')
            self.assertEqual(await reader.readline(), b'go\n')
            await writer.start_tls(client_context(),
                                   server_hostname='localhost')
        data = os.urandom(300000)
        writer.write(data)
        self.assertEqual(await asyncio.wait_for(
            reader.readexactly(len(data)), 20), data)
        writer.close()
        await asyncio.wait_for(writer.wait_closed(), 20)


class Ends(unittest.TestCase):

    def exchange(self):
        async def serve(reader, writer):
            writer.write(await reader.read(100))
            writer.close()
            await writer.wait_closed()

        async def main():
            server = await asyncio.start_server(
                serve, 'localhost', 0, ssl=server_context())
            async with server:
                for _ in range(5):
                    reader, writer = await asyncio.open_connection(
                        'localhost', server.sockets[0].getsockname()[1],
                        ssl=client_context())
                    writer.write(b'hello')
                    self.assertEqual(await reader.read(), b'hello')
                    writer.close()
                    await writer.wait_closed()
                await asyncio.sleep(0.01)
        bide.run(main())

    def test_nothing_is_left_behind(self):
        from bide._tls import SSLProtocol, SSLTransport
        self.exchange()
        gc.collect()
        left = [o for o in gc.get_objects()
                if isinstance(o, (SSLProtocol, SSLTransport))]
        self.assertEqual(left, [])

    @unittest.skipUnless(hasattr(sys, 'gettotalrefcount'),
                         'needs a debug build of Python')
    def test_no_references_are_lost(self):
        counts = []
        for _ in range(5):
            self.exchange()
            gc.collect()
            counts.append(sys.gettotalrefcount())
        self.assertLess(counts[-1] - counts[2], 100)

    def test_a_keyboard_interrupt_out_of_data_received(self):
        class Interrupting(asyncio.Protocol):
            def data_received(self, data):
                raise KeyboardInterrupt

        async def main():
            loop = asyncio.get_running_loop()
            server = await loop.create_server(
                Interrupting, 'localhost', 0, ssl=server_context())
            _, writer = await asyncio.open_connection(
                'localhost', server.sockets[0].getsockname()[1],
                ssl=client_context())
            writer.write(b'x')
            await asyncio.sleep(20)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', ResourceWarning)
            with self.assertRaises(KeyboardInterrupt):
                bide.run(main())
            gc.collect()

    def test_a_transport_that_was_not_closed_warns(self):
        async def main():
            loop = asyncio.get_running_loop()
            server = await loop.create_server(
                asyncio.Protocol, 'localhost', 0, ssl=server_context())
            transport, _ = await loop.create_connection(
                asyncio.Protocol, 'localhost',
                server.sockets[0].getsockname()[1], ssl=client_context())
            await asyncio.sleep(0.01)  # the server is ready, too
            return weakref.ref(transport)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            reference = bide.run(main())
            gc.collect()
        self.assertIsNone(reference())
        self.assertTrue(any('unclosed transport' in str(w.message)
                            for w in caught), caught)


if __name__ == '__main__':
    report.main()
