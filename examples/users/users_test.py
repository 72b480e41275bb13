#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The users service as a process: over sockets, with a database in a file,
stopped by a signal, and found again with its users after a restart.

    users_test.py PROGRAM
"""
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

PROGRAM = os.path.abspath(sys.argv.pop())


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Service:
    """A running service, in a directory of its own."""

    def __init__(self, directory):
        self.port = free_port()
        self.url = f'http://127.0.0.1:{self.port}'
        self.process = subprocess.Popen(
            [PROGRAM], cwd=directory, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, 'PORT': str(self.port),
                 'DATABASE_URL': 'sqlite:///users.db'})
        self.greeting = self.process.stderr.readline()

    def request(self, method, path, data=None):
        request = urllib.request.Request(
            self.url + path, method=method,
            data=None if data is None else json.dumps(data).encode(),
            headers={'Content-Type': 'application/json'})
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                text, status = reply.read(), reply.status
        except urllib.error.HTTPError as error:
            text, status = error.read(), error.code
        return status, json.loads(text) if text else None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


def watch(port):
    """A WebSocket by hand: enough to receive short messages."""
    stream = socket.create_connection(('127.0.0.1', port), timeout=10)
    key = base64.b64encode(os.urandom(16)).decode()
    stream.sendall((f'GET /feed HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n'
                    f'Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n'
                    'Sec-WebSocket-Version: 13\r\n\r\n').encode())
    file = stream.makefile('rb')
    status = file.readline()
    while file.readline() not in (b'\r\n', b''):
        pass
    return stream, file, status


def receive(file):
    first, length = file.read(2)
    if length == 126:
        length = int.from_bytes(file.read(2), 'big')
    return first & 15, file.read(length)


class Users(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.service = Service(self.directory.name)
        self.addCleanup(self.end)

    def end(self):
        if self.service.process.poll() is None:
            self.service.process.kill()
        self.service.process.communicate()

    def test_users_outlive_the_process(self):
        ada = {'name': 'Ada', 'email': 'ada@example.org'}
        status, user = self.service.request('POST', '/users', ada)
        self.assertEqual(status, 201)
        self.assertEqual(self.service.request('POST', '/users', ada)[0], 409)
        code, _, err = self.service.stop()
        self.assertEqual((code, err), (0, ''))
        self.service = Service(self.directory.name)
        self.assertEqual(self.service.request('GET', '/users'),
                         (200, [user]))
        self.assertEqual(self.service.request('DELETE', '/users/1')[0], 204)
        self.assertEqual(self.service.request('GET', '/users'), (200, []))

    def test_who_registers_is_told_to_those_who_watch(self):
        stream, file, status = watch(self.service.port)
        with stream, file:
            self.assertIn(b'101', status)
            status, user = self.service.request(
                'POST', '/register',
                {'name': 'Grace', 'email': 'grace@example.org'})
            self.assertEqual(status, 201)
            kind, text = receive(file)
            self.assertEqual((kind, json.loads(text)), (1, user))
            self.service.process.send_signal(signal.SIGTERM)
            self.assertEqual(receive(file), (8, (1001).to_bytes(2, 'big')))
            stream.sendall(bytes([0x88, 0x80, 0, 0, 0, 0]))  # a Close, too
        # The email is on its way: stopping waits for it.
        out, _ = self.service.process.communicate(timeout=20)
        self.assertEqual(self.service.process.returncode, 0)
        self.assertEqual(out, 'Email sent to grace@example.org: Welcome!\n')

    def test_it_says_where_to_look(self):
        self.assertEqual(self.service.greeting,
                         f'users: serving on {self.service.url}\n')
        with urllib.request.urlopen(self.service.url + '/') as reply:
            self.assertIn(b'<h1>Users</h1>', reply.read())
        status, document = self.service.request('GET', '/openapi.json')
        self.assertEqual(status, 200)
        self.assertEqual(set(document['paths']),
                         {'/users', '/users/{id}', '/register'})


if __name__ == '__main__':
    unittest.main()
