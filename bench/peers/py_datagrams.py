#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Datagrams of UDP between two sockets of a process, on asyncio or uvloop.

    py_datagrams.py asyncio|uvloop singly|pong [count [bytes]]

singly: 32 are sent, then the loop runs until 32 have come. pong: one goes
there and back.
"""
import asyncio
import sys
import time

BATCH = 32


class Receiver(asyncio.DatagramProtocol):
    """Counts, or sends back."""

    def __init__(self, echo):
        self.echo = echo
        self.got = 0
        self.wanted = 0
        self.done = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        if self.echo:
            self.transport.sendto(data, address)
            return
        self.got += 1
        if self.got == self.wanted:
            self.done.set_result(None)

    async def receive(self, count):
        loop = asyncio.get_running_loop()
        self.got, self.wanted, self.done = 0, count, loop.create_future()
        await self.done


async def run(mode, count, size):
    loop = asyncio.get_running_loop()
    data = bytes(size)
    back = mode == 'pong'
    to, receiver = await loop.create_datagram_endpoint(
        lambda: Receiver(back), local_addr=('127.0.0.1', 0))
    sender, asker = await loop.create_datagram_endpoint(
        lambda: Receiver(False), remote_addr=to.get_extra_info('sockname'))
    batch = 1 if back else BATCH
    rounds = count // 2 if back else count // BATCH
    begin = time.process_time_ns()
    for _ in range(rounds):
        for _ in range(batch):
            sender.sendto(data)
        await (asker if back else receiver).receive(batch)
    each = (time.process_time_ns() - begin) / count
    print(f'ns={each:.1f}')
    sender.close()
    to.close()


def main():
    if sys.argv[1] == 'uvloop':
        import uvloop
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    numbers = [int(text) for text in sys.argv[3:]]
    count = numbers[0] if numbers else 100000
    size = numbers[1] if len(numbers) > 1 else 64
    asyncio.run(run(sys.argv[2], count - count % BATCH, size))


main()
