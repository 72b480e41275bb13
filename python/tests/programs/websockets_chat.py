# SPDX-License-Identifier: MIT
"""websockets: a room where what one says all hear, large messages, pings, a
client that goes away without a word."""
import asyncio

import websockets

room = set()


async def member(socket, path=None):
    room.add(socket)
    try:
        async for message in socket:
            for other in list(room):
                await other.send(message)
    except websockets.ConnectionClosed:
        pass
    finally:
        room.discard(socket)


async def main():
    async with websockets.serve(member, '127.0.0.1', 0) as server:
        url = 'ws://127.0.0.1:%d' % server.sockets[0].getsockname()[1]
        sockets = [await websockets.connect(url) for _ in range(10)]
        while len(room) < 10:
            await asyncio.sleep(0.01)
        for message in ['hello', b'\0' * 500000, 'x' * 1000]:
            await sockets[0].send(message)
            heard = await asyncio.gather(*[s.recv() for s in sockets])
            assert heard == [message] * 10
        await asyncio.wait_for(await sockets[1].ping(), 10)
        sockets[2].transport.abort()
        while len(room) > 9:
            await asyncio.sleep(0.01)
        for socket in sockets:
            await socket.close()
        while room:
            await asyncio.sleep(0.01)
    print('loop', type(asyncio.get_running_loop()).__module__)


asyncio.run(main())
