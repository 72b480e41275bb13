# SPDX-License-Identifier: MIT
"""What programs of asyncio are made of: requests at once under a semaphore,
retries with time limits, a queue between tasks, work in other processes, a
task that is cancelled, a subprocess, streams over a Unix socket."""
import asyncio
import concurrent.futures
import os
import sys
import tempfile
import time


class Flaky:
    """Fails twice, then works."""

    def __init__(self):
        self.calls = 0

    async def fetch(self):
        self.calls += 1
        if self.calls == 1:
            await asyncio.sleep(60)
        if self.calls == 2:
            raise ConnectionError('not yet')
        return 'page'


async def with_retries(operation, attempts=5, limit=0.05):
    for attempt in range(attempts):
        try:
            return await asyncio.wait_for(operation(), limit)
        except (asyncio.TimeoutError, ConnectionError):
            await asyncio.sleep(0.001 * 2 ** attempt)
    raise RuntimeError('gave up')


async def limited():
    semaphore = asyncio.Semaphore(3)
    running = most = 0

    async def one(i):
        nonlocal running, most
        async with semaphore:
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.002)
            running -= 1
            if i == 7:
                raise ValueError(i)
            return i
    results = await asyncio.gather(*[one(i) for i in range(20)],
                                   return_exceptions=True)
    assert most == 3
    assert isinstance(results[7], ValueError)
    assert [r for r in results if r is not results[7]] == \
        [i for i in range(20) if i != 7]


async def produce_and_consume():
    queue = asyncio.Queue(5)
    got = []

    async def consume():
        while True:
            got.append(await queue.get())
            queue.task_done()
    consumers = [asyncio.create_task(consume()) for _ in range(3)]
    for i in range(100):
        await queue.put(i)
    await queue.join()
    for task in consumers:
        task.cancel()
    ended = await asyncio.gather(*consumers, return_exceptions=True)
    assert all(isinstance(e, asyncio.CancelledError) for e in ended)
    assert sorted(got) == list(range(100))


def count(n):
    return sum(range(n))


async def in_processes():
    loop = asyncio.get_running_loop()
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        sums = await asyncio.gather(*[
            loop.run_in_executor(pool, count, n) for n in range(0, 5000, 500)])
    assert sums == [count(n) for n in range(0, 5000, 500)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        start = time.monotonic()
        await asyncio.gather(*[
            loop.run_in_executor(pool, time.sleep, 0.01) for _ in range(4)])
        assert time.monotonic() - start < 10


async def a_subprocess():
    process = await asyncio.create_subprocess_exec(
        sys.executable, '-c', 'print(input()[::-1])',
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate(b'stressed\n')
    assert output == b'desserts\n' and process.returncode == 0


async def over_a_unix_socket():
    async def serve(reader, writer):
        async for line in reader:
            writer.write(line.upper())
            await writer.drain()
        writer.close()
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, 's')
        server = await asyncio.start_unix_server(serve, path)
        async with server:
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b'one\ntwo\n')
            writer.write_eof()
            assert await reader.read() == b'ONE\nTWO\n'
            writer.close()
            await writer.wait_closed()


async def groups():
    caught = []
    try:
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(60))
            group.create_task(Flaky().fetch())
            await asyncio.sleep(0)
            raise KeyError('stop')
    except* KeyError as error:
        caught += error.exceptions
    assert len(caught) == 1


async def main():
    assert await with_retries(Flaky().fetch) == 'page'
    await limited()
    await produce_and_consume()
    await in_processes()
    await a_subprocess()
    await over_a_unix_socket()
    await groups()
    print('loop', type(asyncio.get_running_loop()).__module__)


if __name__ == '__main__':
    asyncio.run(main())
