# SPDX-License-Identifier: MIT
"""What CPython's own tests do not ask of a loop: forks, threads, garbage,
interrupts, and that nothing is left behind.

    python3 python/tests/test_loop.py
"""
import asyncio
import contextlib
import contextvars
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
import warnings
import weakref

import bide
import report

HERE = os.path.dirname(os.path.abspath(__file__))


@contextlib.contextmanager
def new_loop():
    loop = bide.new_event_loop()
    try:
        yield loop
    finally:
        loop.close()


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def exchange(count=3):
    """Some traffic over a server and a connection."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, '127.0.0.1', 0)
    reader, writer = await asyncio.open_connection(
        *server.sockets[0].getsockname())
    for _ in range(count):
        writer.write(b'x' * 10000)
        assert len(await reader.readexactly(10000)) == 10000
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
    return count


class Scheduling(unittest.TestCase):

    def test_only_what_was_queued_runs_in_a_turn(self):
        with new_loop() as loop:
            seen = []
            read_end, write_end = os.pipe()
            self.addCleanup(os.close, read_end)
            self.addCleanup(os.close, write_end)

            def again():
                seen.append('again')
                if len(seen) < 100:
                    loop.call_soon(again)
                else:
                    loop.stop()
            loop.add_reader(read_end, lambda: seen.append('read') or
                            os.read(read_end, 1))
            os.write(write_end, b'x')
            loop.call_soon(again)
            loop.run_forever()
            self.assertLess(seen.index('read'), 5)
            loop.remove_reader(read_end)

    def test_timers_fire_by_deadline_then_as_they_were_set(self):
        with new_loop() as loop:
            seen = []
            now = loop.time()
            for name, delay in [('c', 0.02), ('a', 0.01), ('b', 0.01)]:
                loop.call_at(now + delay, seen.append, name)
            loop.call_at(now + 0.03, loop.stop)
            loop.run_forever()
            self.assertEqual(seen, ['a', 'b', 'c'])

    def test_handles_are_asyncios(self):
        with new_loop() as loop:
            handle = loop.call_soon(print)
            timer = loop.call_later(1, print)
            self.assertIsInstance(handle, asyncio.Handle)
            self.assertIsInstance(timer, asyncio.TimerHandle)
            self.assertIn('when=', repr(timer))
            timer.cancel()
            handle.cancel()
            self.assertTrue(timer.cancelled() and handle.cancelled())
            self.assertIn('cancelled', repr(timer))

    def test_a_callback_runs_in_its_context(self):
        variable = contextvars.ContextVar('variable', default=0)
        with new_loop() as loop:
            seen = []
            context = contextvars.copy_context()
            context.run(variable.set, 7)
            loop.call_soon(lambda: seen.append(variable.get()),
                           context=context)
            loop.call_soon(lambda: seen.append(variable.get()))
            loop.call_soon(loop.stop)
            loop.run_forever()
            self.assertEqual(seen, [7, 0])

    def test_exceptions_of_callbacks_are_reported_and_do_not_stop(self):
        with new_loop() as loop:
            reported = []
            loop.set_exception_handler(
                lambda loop, context: reported.append(context['exception']))
            loop.call_soon(lambda: 1 / 0)
            loop.call_later(0, lambda: [][1])
            loop.call_later(0.01, loop.stop)
            loop.run_forever()
            self.assertEqual([type(error) for error in reported],
                             [ZeroDivisionError, IndexError])

    def test_system_exit_ends_the_run_and_the_loop_goes_on_later(self):
        with new_loop() as loop:
            loop.call_soon(sys.exit, 3)
            with self.assertRaises(SystemExit):
                loop.run_forever()
            self.assertEqual(loop.run_until_complete(exchange()), 3)

    def test_the_ready_queue_grows_and_keeps_its_order(self):
        with new_loop() as loop:
            seen = []
            for i in range(5000):
                loop.call_soon(seen.append, i)
            loop.call_soon(loop.stop)
            loop.run_forever()
            self.assertEqual(seen, list(range(5000)))


class ThreadsAndProcesses(unittest.TestCase):

    def test_another_thread_wakes_a_waiting_loop(self):
        with new_loop() as loop:
            threading.Timer(0.05, loop.call_soon_threadsafe,
                            [loop.stop]).start()
            loop.run_forever()

    def test_a_loop_runs_in_several_threads_in_turn(self):
        with new_loop() as loop:
            results = []
            timer = loop.call_later(0.01, results.append, 'timer')

            def run():
                results.append(loop.run_until_complete(exchange()))
            run()
            for _ in range(3):
                thread = threading.Thread(target=run)
                thread.start()
                thread.join()
            loop.run_until_complete(asyncio.sleep(0.02))
            self.assertEqual(sorted(map(str, results)),
                             ['3', '3', '3', '3', 'timer'])
            self.assertFalse(timer.cancelled())

    def test_connections_outlast_a_change_of_thread(self):
        with new_loop() as loop:
            async def connect():
                server = await loop.create_server(Echo, '127.0.0.1', 0)
                return server, await asyncio.open_connection(
                    *server.sockets[0].getsockname())

            async def use(reader, writer):
                writer.write(b'hello')
                return await reader.readexactly(5)
            server, streams = loop.run_until_complete(connect())
            results = []
            for _ in range(3):
                thread = threading.Thread(target=lambda: results.append(
                    loop.run_until_complete(use(*streams))))
                thread.start()
                thread.join()
            self.assertEqual(results, [b'hello'] * 3)
            streams[1].close()
            server.close()
            loop.run_until_complete(asyncio.sleep(0.01))

    def test_a_child_of_fork_makes_a_loop_of_its_own(self):
        async def main():
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    asyncio._set_running_loop(None)
                    code = 0 if bide.run(exchange()) == 3 else 2
                finally:
                    os._exit(code)
            result = await asyncio.to_thread(os.waitpid, pid, 0)
            return result[1], await exchange()
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', DeprecationWarning)
            self.assertEqual(bide.run(main()), (0, 3))

    def test_a_child_of_fork_goes_on_with_the_loop(self):
        with new_loop() as loop:
            loop.run_until_complete(exchange())
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    code = 0 if loop.run_until_complete(exchange()) == 3 else 2
                    loop.close()
                finally:
                    os._exit(code)
            self.assertEqual(os.waitpid(pid, 0)[1], 0)
            self.assertEqual(loop.run_until_complete(exchange()), 3)


class Interrupts(unittest.TestCase):

    def run_and_interrupt(self, code):
        process = subprocess.Popen(
            [sys.executable, '-c', code], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.assertEqual(process.stdout.readline(), 'ready\n')
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
        return process.returncode, out, err

    def test_keyboard_interrupt_while_it_waits(self):
        code, out, err = self.run_and_interrupt('''if True:
            import asyncio, bide
            async def main():
                print('ready', flush=True)
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    print('cancelled')
                    raise
            try:
                bide.run(main())
            except KeyboardInterrupt:
                print('interrupted')
        ''')
        self.assertEqual((code, out, err), (0, 'cancelled\ninterrupted\n', ''))

    def test_keyboard_interrupt_of_a_busy_bare_loop(self):
        code, out, err = self.run_and_interrupt('''if True:
            import bide
            loop = bide.new_event_loop()
            def spin():
                loop.call_soon(spin)
            print('ready', flush=True)
            spin()
            try:
                loop.run_forever()
            except KeyboardInterrupt:
                print('interrupted')
            loop.close()
        ''')
        self.assertEqual((code, out, err), (0, 'interrupted\n', ''))

    def test_keyboard_interrupt_out_of_data_received(self):
        class Rude(asyncio.Protocol):
            def data_received(self, data):
                raise KeyboardInterrupt

        async def main():
            loop = asyncio.get_running_loop()
            server = await loop.create_server(Rude, '127.0.0.1', 0)
            _, writer = await asyncio.open_connection(
                *server.sockets[0].getsockname())
            writer.write(b'x')
            await asyncio.sleep(10)
        with self.assertRaises(KeyboardInterrupt):
            bide.run(main())


class Garbage(unittest.TestCase):

    def test_a_closed_loop_is_collected(self):
        loop = bide.new_event_loop()
        loop.run_until_complete(exchange())
        loop.call_later(100, print)
        loop.call_soon(print)
        loop.close()
        gone = weakref.ref(loop)
        del loop
        gc.collect()
        self.assertIsNone(gone())

    def test_a_loop_that_was_not_closed_is_collected_with_a_warning(self):
        for run in (False, True):
            loop = bide.new_event_loop()
            if run:
                loop.run_until_complete(exchange())
            gone = weakref.ref(loop)
            with self.assertWarnsRegex(ResourceWarning, 'unclosed event loop'):
                del loop
                gc.collect()
            self.assertIsNone(gone())

    def test_a_transport_that_was_not_closed_warns(self):
        loop = bide.new_event_loop()
        left, right = socket.socketpair()
        with right:
            transport, _ = loop.run_until_complete(
                loop.create_connection(asyncio.Protocol, sock=left))
            gone = weakref.ref(transport)
            loop.close()
            with self.assertWarnsRegex(ResourceWarning,
                                       'unclosed transport'):
                del transport
                gc.collect()
            self.assertIsNone(gone())
            self.assertEqual(right.recv(1), b'')

    def test_nothing_is_left_behind(self):
        def work():
            loop = bide.new_event_loop()
            loop.run_until_complete(exchange())
            timer = loop.call_later(100, print)
            loop.call_later(100, print)
            timer.cancel()
            loop.call_soon(lambda: 1 / 0).cancel()
            loop.set_exception_handler(lambda loop, context: None)
            loop.call_soon(lambda: 1 / 0)
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()

        def count():
            gc.collect()
            return len(gc.get_objects()), len(os.listdir('/proc/self/fd'))
        for _ in range(5):
            work()
        before = count()
        for _ in range(20):
            work()
        after = count()
        self.assertLess(after[0] - before[0], 20)
        self.assertEqual(after[1], before[1])

    def test_references_to_arguments_are_dropped(self):
        marker = object()
        before = sys.getrefcount(marker)
        with new_loop() as loop:
            for _ in range(100):
                loop.call_soon(id, marker)
                loop.call_later(0, id, marker)
                loop.call_later(100, id, marker)
                loop.call_later(100, id, marker).cancel()
            loop.run_until_complete(asyncio.sleep(0.001))
        gc.collect()
        self.assertEqual(sys.getrefcount(marker), before)


class Transports(unittest.TestCase):

    def test_small_writes_of_a_turn_arrive_in_order(self):
        async def main():
            left, right = socket.socketpair()
            reader, writer = await asyncio.open_connection(sock=left)
            with right:
                for i in range(200):
                    writer.write(b'%03d' % i)
                writer.writelines([b'a', bytearray(b'b'), memoryview(b'c')])
                await asyncio.sleep(0)
                right.settimeout(5)
                got = b''
                while len(got) < 603:
                    got += right.recv(4096)
                writer.close()
                return got
        self.assertEqual(bide.run(main()),
                         b''.join(b'%03d' % i for i in range(200)) + b'abc')

    def test_bytes_in_a_bytearray_are_those_of_the_call(self):
        async def main():
            left, right = socket.socketpair()
            _, writer = await asyncio.open_connection(sock=left)
            with right:
                data = bytearray(b'before')
                writer.write(data)
                data[:] = b'after!'
                await asyncio.sleep(0.01)
                writer.close()
                return right.recv(100)
        self.assertEqual(bide.run(main()), b'before')

    def test_large_writes_pause_and_resume_the_protocol(self):
        class Sink(asyncio.Protocol):
            calls = []

            def pause_writing(self):
                self.calls.append('pause')

            def resume_writing(self):
                self.calls.append('resume')

        async def main():
            loop = asyncio.get_running_loop()
            left, right = socket.socketpair()
            right.setblocking(False)
            transport, protocol = await loop.create_connection(Sink, sock=left)
            size = 8 << 20
            transport.write(b'z' * size)
            self.assertGreater(transport.get_write_buffer_size(), 0)
            transport.close()
            got = 0
            while got < size:
                got += len(await loop.sock_recv(right, 1 << 20))
            self.assertEqual(await loop.sock_recv(right, 1), b'')
            right.close()
            return protocol.calls
        self.assertEqual(bide.run(main()), ['pause', 'resume'])

    def test_nothing_is_delivered_while_reading_is_paused(self):
        class Slow(asyncio.Protocol):
            got = b''
            ended = False

            def data_received(self, data):
                self.got += data

            def eof_received(self):
                self.ended = True

        async def main():
            loop = asyncio.get_running_loop()
            left, right = socket.socketpair()
            transport, protocol = await loop.create_connection(Slow, sock=left)
            right.sendall(b'one')
            await asyncio.sleep(0.01)
            transport.pause_reading()
            right.sendall(b'two')
            right.close()
            await asyncio.sleep(0.02)
            self.assertEqual((protocol.got, protocol.ended), (b'one', False))
            transport.resume_reading()
            await asyncio.sleep(0.02)
            self.assertEqual((protocol.got, protocol.ended), (b'onetwo', True))
        bide.run(main())

    def test_a_buffered_protocol_gets_all_bytes_by_a_small_buffer(self):
        class Small(asyncio.BufferedProtocol):
            def __init__(self):
                self.buffer = bytearray(7)
                self.got = b''

            def get_buffer(self, sizehint):
                return self.buffer

            def buffer_updated(self, nbytes):
                self.got += self.buffer[:nbytes]

        async def main():
            loop = asyncio.get_running_loop()
            left, right = socket.socketpair()
            transport, protocol = await loop.create_connection(
                Small, sock=left)
            data = b''.join(b'%07d' % i for i in range(4000))
            await loop.run_in_executor(None, right.sendall, data)
            right.close()
            await asyncio.sleep(0.05)
            transport.close()
            return protocol.got == data
        self.assertTrue(bide.run(main()))

    def test_what_is_read_comes_after_what_was_ready(self):
        class Greeter(asyncio.Protocol):
            def connection_made(self, transport):
                transport.write(b'welcome')

        class Client(asyncio.Protocol):
            known = None
            seen = 'nothing'

            def data_received(self, data):
                self.seen = self.known

        async def main():
            loop = asyncio.get_running_loop()
            server = await loop.create_server(Greeter, '127.0.0.1', 0)
            for _ in range(100):
                transport, protocol = await loop.create_connection(
                    Client, *server.sockets[0].getsockname())
                protocol.known = transport
                while protocol.seen == 'nothing':
                    await asyncio.sleep(0)
                self.assertIs(protocol.seen, transport)
                transport.close()
            server.close()
        bide.run(main())

    def test_the_address_of_a_closed_server_is_free_at_once(self):
        async def main():
            loop = asyncio.get_running_loop()
            server = await loop.create_server(Echo, '127.0.0.1', 0)
            address = server.sockets[0].getsockname()
            await asyncio.sleep(0)
            for _ in range(5):
                server.close()
                server = await loop.create_server(Echo, *address)
            server.close()
        bide.run(main())


class Package(unittest.TestCase):

    def test_install_makes_asyncio_use_it(self):
        code = ('import asyncio, bide\nbide.install()\n'
                'async def main():\n'
                '    return type(asyncio.get_running_loop())\n'
                'assert asyncio.run(main()) is bide.Loop\n')
        subprocess.run([sys.executable, '-W', 'error', '-c', code],
                       check=True)

    def test_python_dash_m_bide_runs_a_program_unchanged(self):
        program = os.path.join(HERE, 'program.py')
        run = subprocess.run(
            [sys.executable, '-m', 'bide', program, 'one', 'two'],
            stdout=subprocess.PIPE, text=True, check=False)
        self.assertEqual((run.returncode, run.stdout),
                         (3, "__main__ bide.Loop ['one', 'two']\n"))

    def test_it_runs_on_the_other_backend(self):
        code = ('import asyncio, bide\n'
                'async def main():\n'
                '    await asyncio.sleep(0.01)\n'
                '    return asyncio.get_running_loop().backend\n'
                'assert bide.run(main()) == "epoll"\n')
        subprocess.run([sys.executable, '-c', code], check=True,
                       env=dict(os.environ, BIDE_BACKEND='epoll'))


if __name__ == '__main__':
    report.main()
