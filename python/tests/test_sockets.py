# SPDX-License-Identifier: MIT
"""Connections, servers, loop.sock_recv() and its like, beyond what CPython's own tests ask.

    python3 python/tests/test_sockets.py
"""
import asyncio
import contextlib
import gc
import os
import resource
import signal
import socket
import sys
import unittest
import unittest.mock
import warnings

import bide
import report


def setUpModule():
    bide.install()


@contextlib.contextmanager
def pair():
    a, b = socket.socketpair()
    a.setblocking(False)
    b.setblocking(False)
    with a, b:
        yield a, b


class Recorder(asyncio.Protocol):
    """Says 'made', and knows when its connection is lost."""

    transport = None

    def __init__(self):
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        transport.write(b'made')

    def connection_lost(self, exc):
        self.lost.set_result(exc)


class Calls(unittest.IsolatedAsyncioTestCase):

    async def asyncSetUp(self):
        self.loop = asyncio.get_running_loop()
        self.assertIsInstance(self.loop, bide.Loop)
        self.loop.set_debug(False)  # there, the calls are asyncio's

    async def test_they_are_coroutines(self):
        with pair() as (a, b):
            call = self.loop.sock_recv(a, 10)
            self.assertTrue(asyncio.iscoroutine(call))
            task = asyncio.create_task(call, name='reader')
            await asyncio.sleep(0)
            self.assertIn('sock_recv', repr(task))
            await self.loop.sock_sendall(b, b'hello')
            self.assertEqual(await asyncio.wait_for(task, 10), b'hello')
            results = await asyncio.gather(
                self.loop.sock_recv(a, 3), self.loop.sock_sendall(b, b'abc'))
            self.assertEqual(results, [b'abc', None])

    async def test_they_begin_when_they_are_awaited(self):
        with pair() as (a, b):
            call = self.loop.sock_sendall(a, b'x')
            with self.assertRaises(BlockingIOError):
                b.recv(1)
            await call
            self.assertEqual(b.recv(1), b'x')
            with self.assertRaisesRegex(RuntimeError, 'already awaited'):
                await call

    async def test_a_cancelled_one_has_taken_nothing(self):
        with pair() as (a, b):
            task = asyncio.create_task(self.loop.sock_recv(a, 10))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            b.send(b'kept')
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            self.assertEqual(await self.loop.sock_recv(a, 10), b'kept')

    async def test_a_cancelled_one_does_not_hold_the_socket_open(self):
        with pair() as (a, b):
            task = asyncio.create_task(self.loop.sock_recv(a, 10))
            await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            a.close()
            self.assertEqual(
                await asyncio.wait_for(self.loop.sock_recv(b, 10), 10), b'')

    async def test_a_cancelled_one_lets_its_buffer_go(self):
        with pair() as (a, b):
            buffer = bytearray(10)
            task = asyncio.create_task(self.loop.sock_recv_into(a, buffer))
            await asyncio.sleep(0)
            with self.assertRaises(BufferError):
                buffer.append(1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            buffer.append(1)

    async def test_large_data_goes_both_ways_at_once(self):
        data = os.urandom(3000000)

        async def read_all(sock):
            got = bytearray()
            while len(got) < len(data):
                got += await self.loop.sock_recv(sock, 1 << 20)
            return bytes(got)
        with pair() as (a, b):
            results = await asyncio.gather(
                read_all(a), read_all(b), self.loop.sock_sendall(a, data),
                self.loop.sock_sendall(b, memoryview(data)))
        self.assertTrue(results[0] == results[1] == data)

    async def test_sizes_around_nothing(self):
        with pair() as (a, b):
            await self.loop.sock_sendall(a, b'')
            self.assertEqual(await self.loop.sock_recv(b, 0), b'')
            with self.assertRaises(ValueError):
                await self.loop.sock_recv(b, -1)
            with self.assertRaises(TypeError):
                await self.loop.sock_recv(b, 'x')

    async def test_connections_of_every_family(self):
        addresses = [(socket.AF_INET, ('127.0.0.1', 0)),
                     (socket.AF_INET, ('localhost', 0)),
                     (socket.AF_UNIX, f'\0bide-{os.getpid()}'),
                     (socket.AF_UNIX, f'/tmp/bide-{os.getpid()}')]
        if socket.has_ipv6:
            addresses.append((socket.AF_INET6, ('::1', 0)))
        for family, address in addresses:
            with self.subTest(address=address), \
                    socket.socket(family) as listener, \
                    socket.socket(family) as client:
                try:
                    listener.bind(address)
                except OSError as error:
                    self.skipTest(f'{address}: {error}')
                listener.listen()
                listener.setblocking(False)
                client.setblocking(False)
                target = listener.getsockname()
                accepting = asyncio.create_task(
                    self.loop.sock_accept(listener))
                await asyncio.sleep(0)
                await self.loop.sock_connect(client, target)
                server, peer = await accepting
                with server:
                    self.assertEqual(peer, client.getsockname())
                    self.assertEqual(server.gettimeout(), 0)
                    self.assertFalse(server.get_inheritable())
                    self.assertEqual(server.family, family)
                    self.assertEqual(server.type, socket.SOCK_STREAM)
                    await self.loop.sock_sendall(server, b'hi')
                    self.assertEqual(await self.loop.sock_recv(client, 5),
                                     b'hi')
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f'/tmp/bide-{os.getpid()}')

    async def test_a_refused_connection_says_where(self):
        with socket.socket() as busy, socket.socket() as client:
            busy.bind(('127.0.0.1', 0))
            client.setblocking(False)
            with self.assertRaisesRegex(ConnectionRefusedError, '127.0.0.1'):
                await self.loop.sock_connect(client, busy.getsockname())

    async def test_datagrams(self):
        with socket.socket(type=socket.SOCK_DGRAM) as a, \
                socket.socket(type=socket.SOCK_DGRAM) as b:
            for sock in a, b:
                sock.bind(('127.0.0.1', 0))
                sock.setblocking(False)
            waiting = asyncio.create_task(self.loop.sock_recvfrom(b, 100))
            await asyncio.sleep(0)
            sent = await self.loop.sock_sendto(a, b'one', b.getsockname())
            self.assertEqual(sent, 3)
            self.assertEqual(await waiting, (b'one', a.getsockname()))
            buffer = bytearray(10)
            await self.loop.sock_sendto(a, b'two', b.getsockname())
            self.assertEqual(await self.loop.sock_recvfrom_into(b, buffer),
                             (3, a.getsockname()))

    async def test_what_a_transport_reads_is_refused(self):
        with pair() as (a, b):
            transport, _ = await self.loop.connect_accepted_socket(
                asyncio.Protocol, a)
            with self.assertRaisesRegex(RuntimeError, 'is used by transport'):
                await self.loop.sock_recv(a, 10)
            with self.assertRaisesRegex(RuntimeError, 'is used by transport'):
                await self.loop.connect_accepted_socket(asyncio.Protocol, a)
            with self.assertRaisesRegex(RuntimeError, 'is used by transport'):
                self.loop.add_reader(a, print)
            transport.abort()
            await asyncio.sleep(0.001)


class Connections(unittest.IsolatedAsyncioTestCase):

    async def asyncSetUp(self):
        self.loop = asyncio.get_running_loop()
        self.loop.set_debug(False)
        self.made = []

    def factory(self):
        protocol = Recorder()
        self.made.append(protocol)
        return protocol

    async def serve(self, factory=None):
        server = await self.loop.create_server(factory or self.factory,
                                               '127.0.0.1', 0)
        self.addCleanup(server.close)
        return server, server.sockets[0].getsockname()

    async def test_addresses_are_known_while_open_and_after(self):
        _, address = await self.serve()
        transport, protocol = await self.loop.create_connection(
            Recorder, *address)
        local = transport.get_extra_info('sockname')
        self.assertEqual(transport.get_extra_info('peername'), address)
        while not (self.made and self.made[0].transport):
            await asyncio.sleep(0)
        other = self.made[0].transport
        sock = other.get_extra_info('socket')
        self.assertEqual(sock.getpeername(), local)
        self.assertEqual(sock.family, socket.AF_INET)
        self.assertTrue(sock.getsockopt(socket.IPPROTO_TCP,
                                        socket.TCP_NODELAY))
        self.assertIs(other.get_extra_info('socket'), sock)
        self.assertEqual(other.get_extra_info('no such', 5), 5)
        self.assertEqual(set(other._extra), {'socket', 'sockname', 'peername'})
        transport.close()
        await protocol.lost
        await self.made[0].lost
        self.assertEqual(other.get_extra_info('peername'), local)
        self.assertEqual(sock.fileno(), -1)
        self.assertEqual(transport.get_extra_info('sockname'), local)
        self.assertEqual(transport.get_extra_info('socket').fileno(), -1)
        self.assertIsNone(transport._sock)

    async def test_a_factory_that_fails_ends_its_connection_only(self):
        def fail():
            if not tried:
                tried.append(1)
                raise ValueError('first')
            return self.factory()
        tried = []
        _, address = await self.serve(fail)
        for expected in b'', b'made':
            reader, writer = await asyncio.open_connection(*address)
            self.assertEqual(await asyncio.wait_for(reader.read(4), 10),
                             expected)
            writer.close()

    async def test_connections_come_when_descriptors_are_free_again(self):
        server = await self.loop.create_server(
            self.factory, '127.0.0.1', 0, start_serving=False)
        self.addCleanup(server.close)
        told = []
        self.loop.set_exception_handler(lambda _, c: told.append(c))
        client = socket.socket()
        client.setblocking(False)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        with client, unittest.mock.patch.object(
                asyncio.constants, 'ACCEPT_RETRY_DELAY', 0.01):
            lowest = os.dup(0)
            os.close(lowest)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
            try:
                await server.start_serving()
                await self.loop.sock_connect(
                    client, server.sockets[0].getsockname())
                while not told:
                    await asyncio.sleep(0.001)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            self.assertIn('out of system resource', told[0]['message'])
            self.assertEqual(
                await asyncio.wait_for(self.loop.sock_recv(client, 4), 10),
                b'made')

    async def test_a_cancelled_connection_leaves_no_descriptor(self):
        _, address = await self.serve()
        before = len(os.listdir('/proc/self/fd'))
        for turns in range(6):
            task = asyncio.create_task(
                self.loop.create_connection(Recorder, *address))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                transport, protocol = await task
                transport.abort()
        for _ in range(100):
            if len(os.listdir('/proc/self/fd')) == before:
                break
            await asyncio.sleep(0.01)
        for protocol in self.made:
            protocol.transport.abort()
        await asyncio.sleep(0.01)
        self.assertEqual(len(os.listdir('/proc/self/fd')), before)

    async def test_a_program_may_put_its_own_sock_connect(self):
        async def refuse(sock, address):
            raise TimeoutError(address)
        self.loop.sock_connect = refuse
        with self.assertRaisesRegex(TimeoutError, '127.0.0.1'):
            await self.loop.create_connection(Recorder, '127.0.0.1', 80)

    async def test_names_in_digits_are_those_of_getaddrinfo(self):
        for host, port, family, kind in [
                ('127.0.0.1', 80, 0, socket.SOCK_STREAM),
                ('::1', 443, 0, socket.SOCK_STREAM),
                ('10.0.0.1', None, socket.AF_INET, socket.SOCK_DGRAM),
                ('0:0:0::1', 1, socket.AF_INET6, socket.SOCK_STREAM),
                ('127.0.0.1', '80', 0, socket.SOCK_STREAM),
                ('127.0.0.1', 80, 0, 0)]:
            with self.subTest(host=host, port=port, family=family):
                ours = await self.loop.getaddrinfo(host, port, family=family,
                                                   type=kind)
                theirs = socket.getaddrinfo(host, port, family, kind)
                self.assertEqual(ours, theirs)
                self.assertEqual(list(map(repr, ours)),
                                 list(map(repr, theirs)))


class Ends(unittest.TestCase):

    def test_a_loop_closed_while_one_waits(self):
        loop = bide.new_event_loop()
        with pair() as (a, b):
            task = loop.create_task(loop.sock_recv(a, 10))
            loop.run_until_complete(asyncio.sleep(0.001))
            task._log_destroy_pending = False
            loop.close()
            del task, loop
            gc.collect()
            a.close()
            b.settimeout(10)
            self.assertEqual(b.recv(1), b'')

    def test_one_goes_on_in_a_child_of_fork(self):
        loop = bide.new_event_loop()
        with pair() as (a, b), contextlib.closing(loop):
            task = loop.create_task(loop.sock_recv(a, 10))
            loop.run_until_complete(asyncio.sleep(0.001))
            with warnings.catch_warnings():
                warnings.simplefilter('ignore', DeprecationWarning)
                pid = os.fork()
            if pid == 0:
                signal.alarm(20)
                b.send(b'child')
                got = loop.run_until_complete(task)
                os._exit(got != b'child')
            self.assertEqual(os.waitpid(pid, 0)[1], 0)
            b.send(b'parent')
            self.assertEqual(loop.run_until_complete(task), b'parent')

    @unittest.skipUnless(hasattr(sys, 'gettotalrefcount'),
                         'needs a debug build of Python')
    def test_no_references_are_lost(self):
        async def main():
            loop = asyncio.get_running_loop()
            with pair() as (a, b):
                for _ in range(100):
                    task = loop.create_task(loop.sock_recv(a, 10))
                    await asyncio.sleep(0)
                    await loop.sock_sendall(b, b'x')
                    await task
                    task = loop.create_task(loop.sock_recv(a, 10))
                    await asyncio.sleep(0)
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
        counts = []
        for _ in range(5):
            bide.run(main())
            gc.collect()
            counts.append(sys.gettotalrefcount())
        self.assertLess(counts[-1] - counts[2], 50)


if __name__ == '__main__':
    report.main()
