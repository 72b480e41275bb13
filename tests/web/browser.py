# SPDX-License-Identifier: MIT
"""A real browser for tests: Chromium without a window, told what to do by its
own protocol over a pair of pipes.

    with Browser() as page:
        page.open('http://127.0.0.1:8000/')
        page.wait('document.body.dataset.ready')
        print(page.evaluate('document.title'))
"""
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PATIENCE = 30  # seconds for anything


def chromium():
    """Its program, or None."""
    for name in ('chromium', 'chromium-browser', 'google-chrome'):
        if shutil.which(name):
            return shutil.which(name)
    return None


class Browser:
    def __enter__(self):
        self.profile = tempfile.TemporaryDirectory()
        there, self.to = os.pipe()
        self.back, here = os.pipe()
        # It reads descriptor 3 and writes descriptor 4.
        self.process = subprocess.Popen(
            ['sh', '-c', f'exec "$@" 3<&{there} 4>&{here}', 'sh', chromium(),
             '--headless=new', '--no-sandbox', '--disable-gpu',
             '--no-first-run', '--disable-dev-shm-usage',
             f'--user-data-dir={self.profile.name}',
             '--remote-debugging-pipe', 'about:blank'],
            pass_fds=(there, here), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(there)
        os.close(here)
        self.count, self.rest, self.session = 0, b'', None
        self.requests = []
        target = self.call('Target.createTarget', url='about:blank')
        self.session = self.call('Target.attachToTarget', flatten=True,
                                 targetId=target['targetId'])['sessionId']
        self.call('Page.enable')
        self.call('Network.enable')
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.to)
        os.close(self.back)
        # Its children may still be writing there.
        shutil.rmtree(self.profile.name, ignore_errors=True)
        self.profile._finalizer.detach()

    def message(self, until):
        while b'\0' not in self.rest:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.back], [], [], left)[0]:
                raise TimeoutError('the browser does not answer')
            data = os.read(self.back, 65536)
            if not data:
                raise EOFError('the browser has ended')
            self.rest += data
        text, self.rest = self.rest.split(b'\0', 1)
        return json.loads(text)

    def call(self, method, **params):
        self.count += 1
        request = {'id': self.count, 'method': method, 'params': params}
        if self.session:
            request['sessionId'] = self.session
        os.write(self.to, json.dumps(request).encode() + b'\0')
        until = time.monotonic() + PATIENCE
        while True:
            message = self.message(until)
            if message.get('method') == 'Network.requestWillBeSent':
                self.requests.append(message['params']['request']['url'])
            if message.get('id') == self.count:
                if 'error' in message:
                    raise RuntimeError(message['error']['message'])
                return message['result']

    def open(self, url):
        self.call('Page.navigate', url=url)

    def evaluate(self, script):
        result = self.call('Runtime.evaluate', expression=script,
                           awaitPromise=True, returnByValue=True)
        if 'exceptionDetails' in result:
            raise RuntimeError(json.dumps(result['exceptionDetails']))
        return result['result'].get('value')

    def wait(self, script):
        """Until what a script says is true; returns it. It may fail before:
        the page is not there yet."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                value = self.evaluate(script)
            except RuntimeError:
                value = None
            if value:
                return value
            time.sleep(0.05)
        raise TimeoutError(f'not true in {PATIENCE} s: {script}')
