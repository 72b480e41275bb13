#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bide.aio: what Python's own files do, the same calls must do.

    python3 python/tests/test_aio.py
"""
import asyncio
import builtins
import gc
import io
import os
import pathlib
import random
import tempfile
import threading
import unittest
import weakref

import bide
import report

aio = bide.aio


class FileTests(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name, 'file')

    def compare(self, content, calls, mode='r', **options):
        """The same calls on a file of Python and on ours."""
        self.path.write_bytes(content)
        expected = []
        with builtins.open(self.path, mode, **options) as file:
            for name, *arguments in calls:
                expected.append(getattr(file, name)(*arguments))
            file.flush()
        expected.append(self.path.read_bytes())
        self.path.write_bytes(content)

        async def main():
            results = []
            async with aio.open(self.path, mode, **options) as file:
                for name, *arguments in calls:
                    results.append(await getattr(file, name)(*arguments))
            return results + [self.path.read_bytes()]
        for run in bide.run, asyncio.run:
            self.path.write_bytes(content)
            self.assertEqual(run(main()), expected, (mode, options))

    def test_reads_bytes(self):
        content = b'one\ntwo\n\nlast \xff' * 9000
        self.compare(content, [
            ('read', 5), ('tell',), ('readline',), ('read', 0), ('seek', 2),
            ('readline', 1), ('readlines', 20), ('seek', -5, os.SEEK_END),
            ('read',), ('read',), ('seek', 0), ('read', 100000), ('tell',),
            ('seek', 3, os.SEEK_CUR), ('tell',), ('readlines',), ('tell',)],
            'rb')

    def test_reads_text(self):
        content = 'eins\nzwei äöü\r\ndrei\rvier €\n'.encode() * 4000 + b'\r'
        for newline in None, '', '\n', '\r\n', '\r':
            self.compare(content, [
                ('read', 3), ('readline',), ('readline', 4), ('read', 1),
                ('readline',), ('readline',), ('readlines', 70),
                ('read', 12000), ('readlines',), ('read',), ('seek', 0),
                ('read',)], encoding='utf-8', newline=newline)

    def test_random_reads_of_text(self):
        dice = random.Random(1)
        content = ''.join(dice.choice('ab\n\r€ä') for _ in range(30000))
        calls = [dice.choice([('read', dice.randrange(999)), ('readline',),
                              ('readline', dice.randrange(5))])
                 for _ in range(300)]
        for newline in None, '', '\n':
            self.compare(content.encode(), calls, encoding='utf-8',
                         newline=newline)

    def test_writes(self):
        calls = [('write', b'xyz' * 50000), ('tell',), ('seek', 1),
                 ('write', b'--'), ('writelines', [b'a', b'b']), ('tell',),
                 ('truncate', 3), ('truncate', 9), ('seekable',)]
        for mode in 'wb', 'r+b', 'w+b':
            self.compare(b'before', calls, mode)
        self.compare(b'before', [('write', b'1'), ('write', b'23'),
                                 ('tell',)], 'ab')
        self.compare(b'before', [('read', 2), ('seek', 2), ('write', b'1'),
                                 ('read',), ('seek', 0), ('read',)], 'r+b')

    def test_writes_text(self):
        for newline in None, '', '\r\n':
            self.compare(b'', [('write', 'ä€\nb'), ('writelines', ['c\n'])],
                         'w', encoding='utf-8', newline=newline)

    def test_iterates(self):
        self.path.write_text('a\nb\nc')

        async def main():
            async with aio.open(self.path) as file:
                return [line async for line in file]
        self.assertEqual(bide.run(main()), ['a\n', 'b\n', 'c'])

    def test_open_is_awaitable(self):
        async def main():
            file = await aio.open(self.path, 'x')
            self.assertEqual(await file.write('hello'), 5)
            self.assertEqual(file.name, str(self.path))
            await file.close()
            self.assertTrue(file.closed)
            await file.close()
            with self.assertRaisesRegex(ValueError, 'closed'):
                await file.read()
            with self.assertRaises(FileExistsError):
                await aio.open(self.path, 'x')
            with self.assertRaises(FileNotFoundError):
                await aio.open(self.path.parent / 'none')
        bide.run(main())

    def test_refuses(self):
        async def main():
            async with aio.open(self.path, 'w') as file:
                with self.assertRaisesRegex(io.UnsupportedOperation,
                                            'not readable'):
                    await file.read()
                with self.assertRaisesRegex(TypeError, 'must be str'):
                    await file.write(b'bytes')
            async with aio.open(self.path) as file:
                with self.assertRaisesRegex(io.UnsupportedOperation,
                                            'not writable'):
                    await file.write('x')
        bide.run(main())
        with self.assertRaisesRegex(ValueError, "'utf-16' is none of"):
            aio.open(self.path, encoding='utf-16')
        with self.assertRaisesRegex(ValueError, 'illegal newline'):
            aio.open(self.path, newline='x')

    def test_errors_of_the_kernel(self):
        async def main():
            async with aio.open(self.path.parent / 'd', 'wb') as file:
                os.dup2(os.open('/dev/full', os.O_WRONLY), file.fileno())
                with self.assertRaises(OSError) as raised:
                    await file.write(b'x')
                self.assertEqual(raised.exception.errno, 28)
        bide.run(main())

    def test_cancelled_reads_leave_the_position(self):
        self.path.write_bytes(b'0123456789' * 1000)

        async def main():
            async with aio.open(self.path, 'rb') as file:
                for _ in range(50):
                    task = asyncio.create_task(file.read(10))
                    await asyncio.sleep(0)
                    task.cancel()
                    try:
                        await task
                    except asyncio.CancelledError:
                        pass
                    await file.seek(0)
                self.assertEqual(await file.read(10), b'0123456789')
        bide.run(main())

    def test_no_thread_reads_on_uring(self):
        self.path.write_bytes(b'x' * 300000)

        async def main():
            if asyncio.get_running_loop().backend != 'uring':
                self.skipTest('this is the other backend')
            async with aio.open(self.path, 'r+b') as file:
                before = threading.active_count(), \
                    len(os.listdir('/proc/self/task'))
                reads = 0
                while await file.read(1000):
                    reads += 1
                await file.write(b'y' * 10)
                self.assertEqual(reads, 300)
                self.assertEqual(threading.active_count(), before[0])
        bide.run(main())

    def test_functions_of_os(self):
        async def main():
            self.path.write_text('x')
            self.assertTrue(await aio.os.path.exists(self.path))
            self.assertEqual((await aio.os.stat(self.path)).st_size, 1)
            await aio.os.rename(self.path, self.path.parent / 'b')
            self.assertEqual(await aio.os.listdir(self.path.parent), ['b'])
            await aio.os.remove(self.path.parent / 'b')
            self.assertFalse(await aio.os.path.exists(self.path))
        bide.run(main())

    def test_loop_is_let_go(self):
        self.path.write_bytes(b'x' * 100)

        async def main():
            async with aio.open(self.path, 'rb') as file:
                await file.read()
                asyncio.ensure_future(file.read(5))
        loop = bide.new_event_loop()
        loop.run_until_complete(main())
        loop.run_until_complete(loop.shutdown_default_executor())
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        gone = weakref.ref(loop)
        del loop, main
        gc.collect()
        self.assertIsNone(gone())


if __name__ == '__main__':
    report.main()
