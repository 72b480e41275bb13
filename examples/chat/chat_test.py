#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Two windows of a headless Chromium talk in the chat room.

    chat_test.py PROGRAM DIRECTORY
"""
import asyncio
import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request

SKIP = 77
CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')


def skip(why):
    print(f'skipped: {why}')
    sys.exit(SKIP)


try:
    import websockets
except ImportError:
    skip('Python has no module websockets (package python3-websockets)')
if not CHROMIUM:
    skip('there is no chromium')


class Window:
    """A window of the browser, by its debugging protocol."""

    def __init__(self, ws):
        self.ws = ws
        self.number = 0

    async def evaluate(self, expression):
        self.number += 1
        await self.ws.send(json.dumps({
            'id': self.number, 'method': 'Runtime.evaluate',
            'params': {'expression': expression, 'returnByValue': True}}))
        while True:
            answer = json.loads(await self.ws.recv())
            if answer.get('id') == self.number:
                return answer['result']['result'].get('value')

    async def until(self, expression):
        while not await self.evaluate(expression):
            await asyncio.sleep(0.05)

    async def type(self, text):
        await self.until('document.readyState == "complete" && '
                         'ws.readyState == 1')
        await self.evaluate(f'text.value = {json.dumps(text)}; '
                            'form.requestSubmit()')

    async def sees(self, line):
        await self.until('[...document.querySelectorAll("#log li")].some('
                         f'item => item.textContent == {json.dumps(line)})')


@contextlib.asynccontextmanager
async def window(port, url):
    request = urllib.request.Request(
        f'http://127.0.0.1:{port}/json/new?{url}', method='PUT')
    with urllib.request.urlopen(request) as answer:
        address = json.load(answer)['webSocketDebuggerUrl']
    async with websockets.connect(address, max_size=None) as ws:
        yield Window(ws)


async def converse(port, url):
    async with window(port, url) as anna, window(port, url) as bert:
        await anna.type('Anna')
        await anna.sees('* Anna has come')
        await bert.type('Bert')
        await anna.sees('* Bert has come')
        await anna.type('Hello, Bert! ☺')
        await bert.sees('Anna: Hello, Bert! ☺')
        await bert.type('<b>Hello</b>, Anna')
        await anna.sees('Bert: <b>Hello</b>, Anna')
        await bert.evaluate('ws.close()')
        await anna.sees('* Bert has gone')
        async with websockets.connect(url.replace('http', 'ws') + 'chat') as c:
            await c.send('C')
            await anna.sees('* C has come')
            await c.send('x' * 5000)
            await anna.sees('* C has gone')
        try:
            await websockets.connect(url.replace('http', 'ws') + 'chat',
                                     origin='https://elsewhere.example')
            raise AssertionError('a page of another origin has connected')
        except websockets.InvalidStatusCode as error:
            assert error.status_code == 403, error


def main(program, directory):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, \
            subprocess.Popen([program, '0', directory],
                             stdout=subprocess.PIPE, text=True) as server:
        url = server.stdout.readline().strip()
        browser = subprocess.Popen(
            [CHROMIUM, '--headless', '--no-sandbox', '--disable-gpu',
             '--disable-dev-shm-usage', '--remote-debugging-port=0',
             f'--user-data-dir={profile}', 'about:blank'],
            stderr=subprocess.PIPE, text=True)
        try:
            for line in browser.stderr:
                found = re.match(r'DevTools listening on ws://.*:(\d+)/', line)
                if found:
                    break
            else:
                sys.exit('chromium has not started')
            asyncio.run(asyncio.wait_for(converse(found.group(1), url), 45))
            server.send_signal(signal.SIGINT)
            assert server.wait(20) == 0, server.returncode
        finally:
            server.kill()
            browser.kill()
            browser.wait()


if __name__ == '__main__':
    main(*sys.argv[1:])
