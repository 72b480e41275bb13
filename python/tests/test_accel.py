#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""asyncio's locks, queues and gather() in C: as asyncio's own behave.

CPython's tests of them are run by run_cpython.py --accelerate; here is what
those do not ask: subclasses, pickles, coroutines, cancelling at each point,
leaks. Where it can be, the same is done to asyncio's own class and compared.
"""
import asyncio
import collections.abc
import copy
import gc
import inspect
import pathlib
import pickle
import random
import subprocess
import sys
import tempfile
import unittest
import warnings
import weakref

import bide
import report

OWN = {name: getattr(asyncio, name) for name in (
    'Event', 'Lock', 'Semaphore', 'BoundedSemaphore', 'Queue',
    'PriorityQueue', 'LifoQueue', 'gather')}


class Accelerated(unittest.TestCase):
    def setUp(self):
        bide.install(accelerate=True)
        self.addCleanup(bide.uninstall)

    def both(self, name):
        return OWN[name], getattr(asyncio, name)


class InstallTests(Accelerated):
    def test_installs_and_uninstalls(self):
        for name, own in OWN.items():
            ours = getattr(asyncio, name)
            self.assertIsNot(ours, own)
            self.assertIs(getattr(sys.modules[own.__module__], name), ours)
        bide.install(accelerate=True)
        bide.uninstall()
        for name, own in OWN.items():
            self.assertIs(getattr(asyncio, name), own)
            self.assertIs(getattr(sys.modules[own.__module__], name), own)
        self.assertNotIsInstance(asyncio.get_event_loop_policy(),
                                 bide.EventLoopPolicy)
        async def main():
            return len(asyncio.all_tasks())
        self.assertEqual(asyncio.run(main()), 1)

    def test_plain_install_leaves_classes(self):
        bide.uninstall()
        bide.install()
        for name, own in OWN.items():
            self.assertIs(getattr(asyncio, name), own)

    def test_module_accelerates_unless_told(self):
        with tempfile.TemporaryDirectory() as directory:
            program = pathlib.Path(directory, 'program.py')
            program.write_text('import asyncio\n'
                               'print(asyncio.Lock.__mro__[1].__module__)\n')
            for options, module in [([], 'bide._core'),
                                    (['--no-accelerate'], 'asyncio.locks')]:
                output = subprocess.check_output(
                    [sys.executable, '-m', 'bide', *options, program],
                    text=True)
                self.assertEqual(output.strip(), module)

    def test_our_objects_are_instances_of_both(self):
        for name in OWN:
            if name != 'gather':
                own, ours = self.both(name)
                self.assertIsInstance(ours(), own)
                self.assertTrue(issubclass(ours, own))
                self.assertEqual(ours.__module__, own.__module__)
                self.assertEqual(ours.__qualname__, own.__qualname__)
        self.assertIsInstance(asyncio.LifoQueue(), asyncio.Queue)
        self.assertIsInstance(asyncio.BoundedSemaphore(), asyncio.Semaphore)

    def test_all_tasks_knows_each(self):
        async def main():
            tasks = [asyncio.create_task(asyncio.sleep(0)) for _ in range(9)]
            self.assertEqual(
                asyncio.all_tasks(), {*tasks, asyncio.current_task()})
            for _ in asyncio.all_tasks():
                tasks.clear()
            await asyncio.sleep(0.001)
            gc.collect()
            self.assertEqual(len(asyncio.all_tasks()), 1)
        bide.run(main())


class AwaitTests(Accelerated):
    def test_is_a_coroutine(self):
        async def main():
            queue = asyncio.Queue()
            getting = queue.get()
            self.assertIsInstance(getting, collections.abc.Coroutine)
            self.assertTrue(asyncio.iscoroutine(getting))
            self.assertTrue(inspect.isawaitable(getting))
            task = asyncio.create_task(getting)
            self.assertIn('coro=<Queue.get()>', repr(task))
            await asyncio.sleep(0)
            self.assertIn('wait_for=<Future pending', repr(task))
            await queue.put(5)
            self.assertEqual(await task, 5)
            with self.assertRaises(TimeoutError):
                await asyncio.wait_for(queue.get(), 0.001)
            await queue.put((1, 2))
            self.assertEqual(await asyncio.wait_for(queue.get(), 1), (1, 2))
            await queue.put(6)
            self.assertEqual(await asyncio.gather(queue.get()), [6])
        bide.run(main())

    def test_warns_when_never_awaited(self):
        for make, name in [(lambda: asyncio.Queue().get(), 'Queue.get'),
                           (lambda: asyncio.Lock().acquire(), 'Lock.acquire'),
                           (lambda: asyncio.Event().wait(), 'Event.wait')]:
            with self.assertWarnsRegex(
                    RuntimeWarning, f"coroutine '{name}' was never awaited"):
                make()
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            asyncio.Queue().get().close()

    def test_awaited_once(self):
        event = asyncio.Event()
        event.set()
        waiting = event.wait()
        with self.assertRaises(StopIteration) as stop:
            waiting.send(None)
        self.assertIs(stop.exception.value, True)
        with self.assertRaisesRegex(
                RuntimeError, 'cannot reuse already awaited coroutine'):
            waiting.send(None)
        waiting = event.wait()
        with self.assertRaisesRegex(
                TypeError, "can't send non-None value to a just-started"):
            waiting.send(1)
        with self.assertRaises(KeyError):
            waiting.throw(KeyError('x'))
        self.assertIsNone(waiting.close())

    def test_closing_leaves_the_queue(self):
        async def main():
            lock, event, queue = asyncio.Lock(), asyncio.Event(), \
                asyncio.Queue(1)
            await lock.acquire()
            for make, waiters in [
                    (lock.acquire, lambda: lock._waiters),
                    (event.wait, lambda: event._waiters),
                    (queue.get, lambda: queue._getters)]:
                waiting = make()
                waiting.send(None)
                self.assertEqual(len(waiters()), 1)
                waiting.close()
                self.assertEqual(len(waiters()), 0)
                waiting = make()
                waiting.send(None)
                del waiting  # collected while it waits
                gc.collect()
                self.assertEqual(len(waiters()), 0)
        bide.run(main())


class ClassTests(Accelerated):
    def test_reprs_and_errors_are_the_same(self):
        def describe(make):
            try:
                value = make()
            except Exception as error:
                return type(error), str(error)
            return repr(value).replace(hex(id(value)), '')
        for name, arguments, keywords in [
                ('Lock', (), {}), ('Lock', (1,), {}), ('Lock', (), {'a': 1}),
                ('Event', (), {}), ('Event', (), {'loop': None}),
                ('Semaphore', (), {}), ('Semaphore', (3,), {}),
                ('Semaphore', (), {'value': 0}), ('Semaphore', (-1,), {}),
                ('Semaphore', (1,), {'value': 1}),
                ('Semaphore', (1, 2), {}), ('Semaphore', ('a',), {}),
                ('BoundedSemaphore', (2,), {}), ('Queue', (), {}),
                ('Queue', (3,), {}), ('Queue', (), {'loop': 1}),
                ('PriorityQueue', (), {}), ('LifoQueue', (2,), {})]:
            own, ours = self.both(name)
            self.assertEqual(describe(lambda: ours(*arguments, **keywords)),
                             describe(lambda: own(*arguments, **keywords)))

        def act(name, method):
            own, ours = self.both(name)
            self.assertEqual(describe(lambda: getattr(ours(), method)()),
                             describe(lambda: getattr(own(), method)()))
        act('Lock', 'release')
        act('BoundedSemaphore', 'release')
        act('Queue', 'get_nowait')
        act('Queue', 'task_done')

    def test_pickles_and_copies(self):
        for make in [asyncio.Lock, asyncio.Event, asyncio.Semaphore,
                     lambda: asyncio.BoundedSemaphore(4),
                     lambda: asyncio.Queue(3), asyncio.PriorityQueue,
                     asyncio.LifoQueue]:
            made = make()
            if isinstance(made, asyncio.Queue):
                made.put_nowait(2)
                made.put_nowait(1)
            made.note = 'kept'
            for other in (pickle.loads(pickle.dumps(made)),
                          copy.deepcopy(made)):
                self.assertIs(type(other), type(made))
                self.assertEqual(other.note, 'kept')
                if isinstance(made, asyncio.Queue):
                    self.assertEqual(other.get_nowait(),
                                     copy.deepcopy(made).get_nowait())
                    self.assertEqual(other.maxsize, made.maxsize)
        semaphore = copy.copy(asyncio.BoundedSemaphore(1))
        with self.assertRaises(ValueError):
            semaphore.release()

    def test_subclasses_are_asked(self):
        calls = []

        class Twice(asyncio.Queue):
            def _init(self, maxsize):
                self._queue = []

            def _put(self, item):
                calls.append('put')
                self._queue.append(item)

            def _get(self):
                calls.append('get')
                return self._queue.pop(0)

        class Counted(asyncio.Queue):
            def put_nowait(self, item):
                calls.append('put_nowait')
                super().put_nowait(item)

            def full(self):
                calls.append('full')
                return super().full()

        class Loud(asyncio.Lock):
            async def acquire(self):
                calls.append('acquire')
                return await super().acquire()

            def release(self):
                calls.append('release')
                super().release()

        async def main():
            queue = Twice(2)
            await queue.put('a')
            await queue.put('b')
            self.assertTrue(queue.full())
            self.assertEqual([await queue.get(), await queue.get()],
                             ['a', 'b'])
            await Counted(1).put(1)
            async with Loud():
                pass
        bide.run(main())
        self.assertEqual(calls, [
            'put', 'put', 'get', 'get', 'full', 'put_nowait', 'full',
            'acquire', 'release'])

    def test_changed_class_is_asked(self):
        class Queue(asyncio.Queue):
            pass
        queue = Queue()
        queue.put_nowait(1)
        Queue._put = lambda self, item: self._queue.append(item * 2)
        queue.put_nowait(2)
        self.assertEqual([queue.get_nowait(), queue.get_nowait()], [1, 4])

    def test_infinite_sizes(self):
        queue = asyncio.Queue(float('inf'))
        for i in range(99):
            queue.put_nowait(i)
        self.assertFalse(queue.full())
        asyncio.Semaphore(float('inf'))

    def test_bound_to_one_loop(self):
        lock = asyncio.Lock()

        async def wait():
            await lock.acquire()
            await asyncio.wait_for(lock.acquire(), 0.001)
        with self.assertRaises(TimeoutError):
            bide.run(wait())
        with self.assertRaisesRegex(
                RuntimeError, r'<asyncio.locks.Lock object at .* \[locked\]> '
                'is bound to a different event loop'):
            async def again():
                await lock.acquire()
            bide.run(again())

    def test_works_on_asyncios_loop(self):
        async def main():
            queue = asyncio.Queue(1)
            task = asyncio.create_task(queue.get())
            await asyncio.sleep(0)
            await queue.put(3)
            return await task
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            self.assertEqual(runner.run(main()), 3)


class CancelTests(Accelerated):
    """The same program on asyncio's class and ours, cancelled at each turn."""

    async def contend(self, make, use, victim, turn):
        thing, log = make(), []

        async def work(i):
            try:
                for _ in range(2):
                    await use(thing, log, i)
            except asyncio.CancelledError:
                log.append((i, 'cancelled'))
        tasks = [asyncio.create_task(work(i)) for i in range(4)]
        for _ in range(turn):
            await asyncio.sleep(0)
        tasks[victim].cancel()
        _, pending = await asyncio.wait(tasks, timeout=0.05)
        log.append(('left', len(pending)))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        log.append(repr(thing).replace(hex(id(thing)), ''))
        return log

    def compare(self, name, arguments, use):
        own, ours = self.both(name)
        for victim in range(4):
            for turn in range(12):
                logs = [bide.run(self.contend(
                    lambda: kind(*arguments), use, victim, turn))
                    for kind in (own, ours)]
                self.assertEqual(logs[0], logs[1], (victim, turn))

    def test_lock(self):
        async def use(lock, log, i):
            async with lock:
                log.append(i)
                await asyncio.sleep(0)
        self.compare('Lock', (), use)

    def test_event(self):
        async def use(event, log, i):
            if i == 0:
                await asyncio.sleep(0)
                event.set()
                event.clear()
            else:
                await event.wait()
            log.append(i)
        self.compare('Event', (), use)

    def test_queue(self):
        async def use(queue, log, i):
            if i % 2:
                await queue.put(i)
                await queue.put(-i)
            else:
                log.append(await queue.get())
                await asyncio.sleep(0)
                log.append(await queue.get())
        for name in 'Queue', 'PriorityQueue', 'LifoQueue':
            self.compare(name, (1,), use)

    def test_semaphore_stays_whole(self):
        async def use(semaphore, log, i):
            async with semaphore:
                log.append(i)
                await asyncio.sleep(0)
        for victim in range(4):
            for turn in range(12):
                log = bide.run(self.contend(
                    lambda: asyncio.Semaphore(2), use, victim, turn))
                self.assertEqual(log[-2], ('left', 0))
                self.assertIn('[unlocked, value:2]', log[-1])


class GatherTests(Accelerated):
    def test_same_results(self):
        async def main(gather):
            async def give(value):
                await asyncio.sleep(0)
                if isinstance(value, Exception):
                    raise value
                return value
            shared = give(1)
            future = asyncio.get_running_loop().create_future()
            future.set_result('f')
            results = [await gather(shared, future, shared, give(2), future)]
            for keep in False, True:
                try:
                    results.append([repr(x) for x in await gather(
                        give(1), give(KeyError('k')), give(3),
                        return_exceptions=keep)])
                except KeyError as error:
                    results.append(repr(error))
            cancelled = asyncio.create_task(asyncio.sleep(9))
            cancelled.cancel('why')
            results.append([repr(x) for x in await gather(
                cancelled, give(5), return_exceptions=True)])
            outer = gather(asyncio.sleep(9), asyncio.sleep(9))
            asyncio.get_running_loop().call_soon(outer.cancel)
            try:
                await outer
            except asyncio.CancelledError:
                results.append(outer.cancelled())
            results.append(await gather())
            for bad in [(1,), (give(1), 1)]:
                try:
                    await gather(*bad)
                except TypeError as error:
                    results.append(str(error))
            await asyncio.sleep(0.001)
            return results
        self.assertEqual(bide.run(main(asyncio.gather)),
                         bide.run(main(OWN['gather'])))

    def test_futures_of_another_loop(self):
        other = bide.new_event_loop()

        async def main():
            mine = asyncio.get_running_loop().create_future()
            with self.assertRaisesRegex(ValueError, 'different loop'):
                asyncio.gather(mine, other.create_future())
        bide.run(main())
        outer = asyncio.gather(other.create_future())
        self.assertIs(outer.get_loop(), other)
        other.close()

    def test_collector_is_as_it_was(self):
        async def main():
            await asyncio.gather(asyncio.sleep(0))
            self.assertTrue(gc.isenabled())
            gc.disable()
            try:
                await asyncio.gather(asyncio.sleep(0))
                self.assertFalse(gc.isenabled())
            finally:
                gc.enable()
        bide.run(main())


class StreamTests(Accelerated):
    """A script of calls on asyncio's reader and on ours."""

    def setUp(self):
        self.own = asyncio.StreamReader
        super().setUp()

    async def play(self, kind, script, limit):
        log = []

        class Transport(asyncio.Transport):
            def pause_reading(self):
                log.append('pause')

            def resume_reading(self):
                log.append('resume')
        reader = kind(limit=limit, loop=asyncio.get_running_loop())
        transport = Transport()
        reader.set_transport(transport)
        waiting = None
        for name, *arguments in script:
            if name == 'cancel':
                waiting.cancel()
            elif name.startswith('feed') or name == 'set_exception':
                getattr(reader, name)(*arguments)
            elif waiting is None:  # two may not read at once
                waiting = asyncio.create_task(
                    getattr(reader, name)(*arguments))
            for _ in range(3):
                await asyncio.sleep(0)
            if waiting and waiting.done():
                try:
                    log.append(waiting.result())
                except (Exception, asyncio.CancelledError) as error:
                    log.append((repr(error),
                                getattr(error, 'partial', None)))
                waiting = None
            log.append((bytes(reader._buffer), reader.at_eof(),
                        reader._paused, reader._waiter is None))
        if waiting:
            waiting.cancel()
        log.append(repr(reader).replace(repr(transport), ''))
        return log

    def test_reader_does_the_same(self):
        feeds = [('feed_data', data) for data in (
            b'', b'a', b'b\n', b'cd\nef\n', b'g' * 9, b'h' * 30 + b'\n',
            bytearray(b'xy\n'))]
        reads = [('read', 0), ('read', 1), ('read', 100), ('read',),
                 ('readexactly', 3), ('readexactly', 0), ('readexactly', -1),
                 ('readline',), ('readuntil', b'\n'), ('readuntil', b'')]
        dice = random.Random(7)
        for _ in range(400):
            script = []
            for _ in range(12):
                if dice.random() < 0.55:
                    script.append(dice.choice(feeds))
                else:
                    script.append(dice.choice(reads))
            end = dice.choice([[('feed_eof',)], [], [
                ('set_exception', ValueError('broken'))]])
            script += end + dice.choices(reads, k=3)
            logs = [bide.run(self.play(kind, script, 12))
                    for kind in (self.own, asyncio.StreamReader)]
            self.assertEqual(logs[0], logs[1], script)

    def test_cancelled_read_can_be_repeated(self):
        script = [('read', 5), ('cancel',), ('feed_data', b'1'), ('read', 5),
                  ('readexactly', 2), ('feed_data', b'2'), ('cancel',),
                  ('readline',), ('feed_data', b'3\n')]
        logs = [bide.run(self.play(kind, script, 12))
                for kind in (self.own, asyncio.StreamReader)]
        self.assertEqual(logs[0][:2], logs[1][:2])
        self.assertEqual(logs[0], logs[1])

    def test_works_with_asyncios_own_parts(self):
        own = self.own

        async def main():
            loop = asyncio.get_running_loop()
            server = await asyncio.start_server(
                lambda reader, writer: writer.close(), '127.0.0.1', 0)
            reader = own(loop=loop)
            protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
            transport, _ = await loop.create_connection(
                lambda: protocol, *server.sockets[0].getsockname())
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            self.assertEqual(await reader.read(), b'')
            writer.close()
            await writer.wait_closed()
            server.close()
        bide.run(main())


class LeakTests(Accelerated):
    def test_no_object_is_left(self):
        async def rounds(count):
            lock, event, queue = asyncio.Lock(), asyncio.Event(), \
                asyncio.Queue(1)
            semaphore = asyncio.Semaphore(1)

            async def use(i):
                async with lock, semaphore:
                    await asyncio.sleep(0)
                await queue.put(i)
            for _ in range(count):
                tasks = [asyncio.create_task(use(i)) for i in range(3)]
                waiting = asyncio.create_task(event.wait())
                for _ in range(3):
                    await queue.get()
                event.set()
                event.clear()
                tasks.append(asyncio.create_task(lock.acquire()))
                await asyncio.gather(*tasks, waiting)
                lock.release()
                try:
                    await asyncio.wait_for(queue.get(), 0)
                except TimeoutError:
                    pass
        bide.run(rounds(10))
        gc.collect()
        before = len(gc.get_objects())
        blocks = sys.getallocatedblocks()
        bide.run(rounds(300))
        gc.collect()
        self.assertLess(len(gc.get_objects()) - before, 50)
        self.assertLess(sys.getallocatedblocks() - blocks, 300)

    def test_cycles_are_collected(self):
        class Lock(asyncio.Lock):
            pass
        lock, queue = Lock(), asyncio.Queue()
        lock.me = lock
        queue.put_nowait(queue)
        gone = weakref.ref(lock), weakref.ref(queue)
        del lock, queue
        gc.collect()
        self.assertEqual([reference() for reference in gone], [None, None])

    def test_closed_loop_is_let_go(self):
        async def main():
            await asyncio.gather(*[asyncio.sleep(0) for _ in range(3)])
            event = asyncio.Event()
            try:
                await asyncio.wait_for(event.wait(), 0.001)
            except TimeoutError:
                pass
        loop = bide.new_event_loop()
        loop.run_until_complete(main())
        loop.close()
        gone = weakref.ref(loop)
        del loop
        gc.collect()
        self.assertIsNone(gone())


if __name__ == '__main__':
    report.main()
