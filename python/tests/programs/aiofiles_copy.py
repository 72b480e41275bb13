# SPDX-License-Identifier: MIT
"""aiofiles: write, copy and read lines. `aiofiles_copy.py DIRECTORY`."""
import asyncio
import os
import sys

import aiofiles
import aiofiles.os


async def copy(source, target):
    async with aiofiles.open(source, 'rb') as reader, \
            aiofiles.open(target, 'wb') as writer:
        while block := await reader.read(4096):
            await writer.write(block)


async def main(directory):
    path = os.path.join(directory, 'a.txt')
    async with aiofiles.open(path, 'w') as file:
        for i in range(2000):
            await file.write(f'line {i}\n')
    targets = [os.path.join(directory, f'{i}.txt') for i in range(5)]
    await asyncio.gather(*[copy(path, target) for target in targets])
    for target in targets:
        async with aiofiles.open(target) as file:
            lines = [line async for line in file]
        assert lines == [f'line {i}\n' for i in range(2000)]
        await aiofiles.os.remove(target)
    print('loop', type(asyncio.get_running_loop()).__module__)


asyncio.run(main(sys.argv[1]))
