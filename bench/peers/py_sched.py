#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tasks of asyncio or uvloop: yielding, starting, queues, timers, sleepers.

    py_sched.py asyncio|uvloop yield|spawn|queue|timers|million|requests \
        [count [seconds of sleep]]

Prints one line of `name=value` pairs. See bench/README.md for what each mode
measures.
"""
import asyncio
import multiprocessing
import random
import resource
import statistics
import sys
import time


def per_item(begin, count):
    return (time.process_time_ns() - begin) / count


async def run_yield(count):
    async def other():
        for _ in range(count // 2):
            await asyncio.sleep(0)
    begin = time.process_time_ns()
    task = asyncio.create_task(other())
    for _ in range(count // 2):
        await asyncio.sleep(0)
    await task
    print(f"ns={per_item(begin, count):.1f}")


async def run_spawn(count):
    batch = 1000

    async def nothing():
        pass
    begin = time.process_time_ns()
    for _ in range(count // batch):
        tasks = [asyncio.create_task(nothing()) for _ in range(batch)]
        await asyncio.gather(*tasks)
    print(f"ns={per_item(begin, count // batch * batch):.1f}")


async def run_queue(count):
    there, back = asyncio.Queue(1), asyncio.Queue(1)

    async def other():
        for _ in range(count // 2):
            await back.put(await there.get())
    begin = time.process_time_ns()
    task = asyncio.create_task(other())
    for i in range(count // 2):
        await there.put(i)
        assert await back.get() == i
    await task
    print(f"ns={per_item(begin, count):.1f}")


async def timers_once(count, order):
    loop = asyncio.get_running_loop()
    now = loop.time()
    far = [now + random.randrange(1000, 61000) / 1000 for _ in range(count)]
    fired = 0

    def fire():
        nonlocal fired
        fired += 1
    begin = time.process_time_ns()
    handles = [loop.call_at(when, fire) for when in far]
    for i in order:
        handles[i].cancel()
    await asyncio.sleep(0)  # asyncio takes cancelled ones out here
    cancel_ns = per_item(begin, count)
    now = loop.time()
    near = [now + random.randrange(20, 70) / 1000 for _ in range(count)]
    begin = time.process_time_ns()
    for when in near:
        loop.call_at(when, fire)
    while fired < count:
        await asyncio.sleep(0.01)
    return cancel_ns, per_item(begin, count)


async def run_timers(count):
    order = list(range(count))
    random.shuffle(order)
    rounds = [await timers_once(count, order) for _ in range(5)]
    cancel_ns, fire_ns = map(statistics.median, zip(*rounds))
    print(f"cancel_ns={cancel_ns:.1f} fire_ns={fire_ns:.1f}")


def memory():
    """Resident memory and page tables, in bytes."""
    with open("/proc/self/status") as status:
        return sum(int(line.split()[1]) << 10 for line in status
                   if line.startswith(("VmRSS:", "VmPTE:")))


async def run_million(count, delay):
    before = memory()
    begin = time.process_time()
    asleep = woken = 0

    async def sleeper():
        nonlocal asleep, woken
        asleep += 1
        await asyncio.sleep(delay)
        woken += 1
    tasks = [asyncio.create_task(sleeper()) for _ in range(count)]
    while asleep < count:
        await asyncio.sleep(0)
    if woken:
        sys.exit("too slow: some woke before all were asleep")
    used = memory() - before
    with open("/proc/self/maps") as maps:
        mappings = len(maps.readlines())
    for task in tasks:
        await task
    print(f"seconds={time.process_time() - begin:.3f}",
          f"bytes={used / count:.1f} mappings={mappings}")


async def answer(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(1)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n"
                 b"Connection: close\r\n\r\ndone.\n")
    await writer.drain()
    writer.close()


async def serve(ready):
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=16384)
    ready.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def run_server(ready):
    asyncio.run(serve(ready))


async def request(port, connecting):
    async with connecting:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /delay/1 HTTP/1.1\r\nHost: a\r\n\r\n")
    if not (await reader.readline()).startswith(b"HTTP/1.1 200"):
        raise RuntimeError("not answered by 200")
    await reader.read()
    writer.close()


async def run_requests(count):
    resource.setrlimit(resource.RLIMIT_NOFILE,
                       (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=run_server, args=(theirs,),
                                     daemon=True)
    server.start()
    port = ours.recv()
    connecting = asyncio.Semaphore(1000)
    begin = time.monotonic()
    await asyncio.gather(*(request(port, connecting) for _ in range(count)))
    print(f"seconds={time.monotonic() - begin:.4f}")
    server.kill()


def main():
    modes = {"yield": (run_yield, 200000), "spawn": (run_spawn, 50000),
             "queue": (run_queue, 100000), "timers": (run_timers, 100000),
             "million": (run_million, 1000000), "requests": (run_requests, 10)}
    if len(sys.argv) < 3 or sys.argv[1] not in ('asyncio', "uvloop") \
            or sys.argv[2] not in modes:
        sys.exit("usage: py_sched.py asyncio|uvloop " + "|".join(modes)
                 + " [count [seconds of sleep]]")
    if sys.argv[1] == "uvloop":
        import uvloop
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    function, count = modes[sys.argv[2]]
    if len(sys.argv) > 3:
        count = int(sys.argv[3])
    if sys.argv[2] == "million":
        delay = float(sys.argv[4]) if len(sys.argv) > 4 else 40
        asyncio.run(function(count, delay))
    else:
        asyncio.run(function(count))


main()
