# SPDX-License-Identifier: MIT
"""Tests for pytest-asyncio, which makes a loop for each."""
import asyncio

import pytest
import pytest_asyncio


@pytest_asyncio.fixture
async def server():
    async def serve(reader, writer):
        writer.write(await reader.read())
        writer.close()
    result = await asyncio.start_server(serve, '127.0.0.1', 0)
    yield result
    result.close()


@pytest.mark.asyncio
async def test_the_loop_is_the_installed_one():
    assert type(asyncio.get_running_loop()).__module__ == 'bide._loop'


@pytest.mark.asyncio
@pytest.mark.parametrize('size', [1, 100000])
async def test_a_fixture_serves(server, size):
    reader, writer = await asyncio.open_connection(
        *server.sockets[0].getsockname())
    writer.write(b'x' * size)
    writer.write_eof()
    assert len(await reader.read()) == size
    writer.close()
    await writer.wait_closed()


@pytest.mark.asyncio
async def test_a_failure_is_caught():
    with pytest.raises(ZeroDivisionError):
        await asyncio.gather(asyncio.sleep(0), divide(1, 0))


async def divide(a, b):
    await asyncio.sleep(0)
    return a / b
