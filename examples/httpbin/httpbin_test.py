#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bide-httpbin, asked by curl and by Python's own client.

    httpbin_test.py PATH-OF-BIDE-HTTPBIN
"""
import concurrent.futures
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

PROGRAM = sys.argv.pop(1)
CURL = shutil.which('curl')
OPENSSL = shutil.which('openssl')


class Server:
    """The program, with the port that it says it listens on."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [PROGRAM, '--port', '0', *arguments], stderr=subprocess.PIPE,
            text=True)
        line = self.process.stderr.readline()
        if not line.startswith('listening on '):
            raise AssertionError(f'{PROGRAM} says: {line}')
        self.url = line.split()[-1]
        self.port = int(self.url.rsplit(':', 1)[1])

    def end(self, told=False):
        """Tell it to end, unless it was told. Returns its exit status and what
        else it has said."""
        if not told and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            _, rest = self.process.communicate(timeout=20)
        finally:
            self.process.kill()
        return self.process.returncode, rest

    def ask(self, target, method='GET', body=None, headers=None):
        connection = http.client.HTTPConnection('127.0.0.1', self.port,
                                                timeout=20)
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        response.body = response.read()
        connection.close()
        return response

    def json(self, target, *arguments, **named):
        return json.loads(self.ask(target, *arguments, **named).body)


class Answers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server('--workers', '2')

    @classmethod
    def tearDownClass(cls):
        status, rest = cls.server.end()
        assert (status, rest) == (0, ''), (status, rest)

    def test_plaintext_and_json_are_short(self):
        response = self.server.ask('/plaintext')
        self.assertEqual(response.body, b'Hello, World!')
        self.assertEqual(response.headers['Content-Type'], 'text/plain')
        self.assertEqual(self.server.json('/json'),
                         {'message': 'Hello, World!'})

    def test_get_says_what_was_asked(self):
        said = self.server.json('/get?a=1&b=x%20y&a=2&c',
                                headers={'X-Some-Name': 'ä'.encode()})
        self.assertEqual(said['args'], {'a': ['1', '2'], 'b': 'x y', 'c': ''})
        self.assertEqual(said['origin'], '127.0.0.1')
        self.assertEqual(said['url'],
                         self.server.url + '/get?a=1&b=x%20y&a=2&c')
        self.assertEqual(said['headers']['X-Some-Name'], 'ä')
        self.assertEqual(set(said), {'args', 'headers', 'origin', 'url'})

    def test_post_tells_the_kinds_of_bodies_apart(self):
        said = self.server.json('/post', 'POST', '{"a": [1, 2.5e3, "\\u00e4"]}')
        self.assertEqual(said['json'], {'a': [1, 2500.0, 'ä']})
        self.assertEqual(said['data'], '{"a": [1, 2.5e3, "\\u00e4"]}')
        said = self.server.json('/post', 'POST', 'a=1&b=%C3%A4', headers={
            'Content-Type': 'application/x-www-form-urlencoded'})
        self.assertEqual(said['form'], {'a': '1', 'b': 'ä'})
        self.assertEqual((said['data'], said['json']), ('', None))
        said = self.server.json('/post', 'POST', b'\xff\x00')
        self.assertEqual(said['data'],
                         'data:application/octet-stream;base64,/wA=')
        for text in '{', '[1,]', '01', '"\n"', '[' * 500, '1 2', '{"a" 1}':
            said = self.server.json('/post', 'POST', text)
            self.assertIsNone(said['json'], text)
            self.assertEqual(said['data'], text)

    def test_any_method_is_answered(self):
        for method in 'GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS':
            said = self.server.json('/anything/x', method)
            self.assertEqual(said['method'], method)
        self.assertEqual(self.server.ask('/anything', 'HEAD').body, b'')

    def test_headers_that_come_again_are_joined(self):
        connection = http.client.HTTPConnection('127.0.0.1', self.server.port)
        connection.putrequest('GET', '/headers')
        connection.putheader('x-a', '1')
        connection.putheader('X-A', '2')
        connection.endheaders()
        said = json.loads(connection.getresponse().read())
        connection.close()
        self.assertEqual(said['headers']['X-A'], '1,2')

    def test_statuses(self):
        for status in 200, 204, 304, 404, 418, 503, 599:
            self.assertEqual(self.server.ask(f'/status/{status}').status,
                             status)
        self.assertEqual(self.server.ask('/status/302').headers['Location'],
                         '/redirect/1')
        for wrong in '/status/', '/status/99', '/status/1000', '/status/x':
            self.assertEqual(self.server.ask(wrong).status, 400)

    def test_what_is_not_there_and_what_is_not_allowed(self):
        self.assertEqual(self.server.ask('/nothing').status, 404)
        self.assertEqual(self.server.ask('/plaintext/x').status, 404)
        response = self.server.ask('/get', 'POST', 'x')
        self.assertEqual(response.status, 405)
        self.assertEqual(response.headers['Allow'], 'GET, HEAD')

    def test_delays_do_not_add_up(self):
        begin = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            said = list(pool.map(
                lambda i: self.server.json(f'/delay/1?i={i}'), range(10)))
        self.assertEqual([one['args']['i'] for one in said],
                         [str(i) for i in range(10)])
        self.assertLess(time.monotonic() - begin, 9)

    def test_bytes_are_repeated_by_their_seed(self):
        one = self.server.ask('/bytes/100000?seed=7').body
        self.assertEqual(len(one), 100000)
        self.assertEqual(one, self.server.ask('/bytes/100000?seed=7').body)
        self.assertNotEqual(one, self.server.ask('/bytes/100000').body)

    def test_drip_stream_and_sse_come_in_pieces(self):
        response = self.server.ask('/drip?duration=0.1&numbytes=5&code=203')
        self.assertEqual((response.status, response.body), (203, b'*****'))
        lines = self.server.ask('/stream/3').body.splitlines()
        self.assertEqual([json.loads(line)['id'] for line in lines],
                         [0, 1, 2])
        response = self.server.ask('/sse?count=2&delay=0')
        self.assertEqual(response.headers['Content-Type'],
                         'text/event-stream')
        self.assertEqual(response.body.count(b'event: ping\n'), 2)

    def test_gzip(self):
        response = self.server.ask('/gzip')
        self.assertEqual(response.headers['Content-Encoding'], 'gzip')
        said = json.loads(zlib.decompress(response.body, 31))
        self.assertIs(said['gzipped'], True)

    def test_tags(self):
        ask = self.server.ask
        self.assertEqual(ask('/etag/x').headers['ETag'], '"x"')
        for name, value, status in (
                ('If-None-Match', '"a", W/"x"', 304),
                ('If-None-Match', '*', 304), ('If-None-Match', '"a"', 200),
                ('If-Match', '"x"', 200), ('If-Match', '"a"', 412)):
            response = ask('/etag/x', headers={name: value})
            self.assertEqual(response.status, status, (name, value))

    def test_ranges(self):
        def ask(value):
            response = self.server.ask('/range/100', headers={'Range': value})
            return (response.status, response.body,
                    response.headers['Content-Range'])
        self.assertEqual(ask('bytes=2-5'), (206, b'cdef', 'bytes 2-5/100'))
        self.assertEqual(ask('bytes=98-'), (206, b'uv', 'bytes 98-99/100'))
        self.assertEqual(ask('bytes=-1'), (206, b'v', 'bytes 99-99/100'))
        self.assertEqual(ask('bytes=98-500')[1], b'uv')
        self.assertEqual(ask('bytes=100-'), (416, b'', 'bytes */100'))
        self.assertEqual(ask('bytes=-0')[0], 416)
        self.assertEqual(ask('bytes=5-2')[0], 200)
        self.assertEqual(ask('apples=1-2')[0], 200)

    def test_credentials(self):
        ask = self.server.ask
        path = '/basic-auth/me/secret'
        self.assertEqual(ask(path).status, 401)
        self.assertIn('Basic', ask(path).headers['WWW-Authenticate'])
        good = {'Authorization': 'Basic bWU6c2VjcmV0'}
        self.assertEqual(self.server.json(path, headers=good)['user'], 'me')
        self.assertEqual(ask('/bearer').status, 401)
        said = self.server.json('/bearer', headers={
            'Authorization': 'Bearer abc'})
        self.assertEqual(said['token'], 'abc')

    def test_headers_as_asked_for(self):
        response = self.server.ask('/response-headers?X-A=1&x-b=2')
        self.assertEqual(response.headers['X-A'], '1')
        evil = self.server.ask('/response-headers?X-A=1%0d%0aX-B:2')
        self.assertEqual(evil.status, 400)
        self.assertIsNone(evil.headers['X-B'])

    def test_uploads_of_any_length(self):
        data = os.urandom(5_000_000)
        said = self.server.json('/upload', 'POST', data)
        self.assertEqual(said, {'bytes': len(data),
                                'crc32': f'{zlib.crc32(data):08x}'})

    @unittest.skipUnless(CURL, 'no curl')
    def test_curl_follows_redirections_and_keeps_cookies(self):
        def curl(*arguments):
            return subprocess.run([CURL, '-sS', '-m', '20', *arguments],
                                  check=True, capture_output=True).stdout
        url = self.server.url
        said = json.loads(curl('-L', f'{url}/redirect/5'))
        self.assertEqual(said['url'], f'{url}/get')
        with tempfile.NamedTemporaryFile() as jar:
            said = json.loads(curl('-L', '-b', jar.name, '-c', jar.name,
                                   f'{url}/cookies/set?a=1&b=2'))
            self.assertEqual(said, {'cookies': {'a': '1', 'b': '2'}})
            said = json.loads(curl('-L', '-b', jar.name, '-c', jar.name,
                                   f'{url}/cookies/delete?a'))
            self.assertEqual(said, {'cookies': {'b': '2'}})
        said = json.loads(curl('-F', 'a=1', '-F', f'b=@{__file__}',
                               '-F', 'c=2', f'{url}/post'))
        self.assertEqual(said['form'], {'a': '1', 'c': '2'})
        self.assertEqual(said['files']['b'],
                         pathlib.Path(__file__).read_text())


    @unittest.skipUnless(CURL, 'no curl')
    def test_http2_on_the_same_port(self):
        for ask_for in '--http2', '--http2-prior-knowledge':
            done = subprocess.run(
                [CURL, '-sS', '-m', '20', ask_for, '-w', '%{http_version}',
                 f'{self.server.url}/get?a=1'], check=True,
                capture_output=True, text=True)
            version = '1.1' if ask_for == '--http2' else '2'
            text, used = done.stdout[:-len(version)], done.stdout[-len(version):]
            self.assertEqual(used, version)
            said = json.loads(text)
            self.assertEqual(said['url'], f'{self.server.url}/get?a=1')
            self.assertIn('User-Agent', said['headers'])

    def test_websocket_messages_come_back(self):
        with socket.create_connection(('127.0.0.1', self.server.port),
                                      timeout=20) as peer:
            peer.sendall(b'GET /ws HTTP/1.1\r\nHost: x\r\n'
                         b'Upgrade: websocket\r\nConnection: Upgrade\r\n'
                         b'Sec-WebSocket-Version: 13\r\n'
                         b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
                         b'\r\n')
            stream = peer.makefile('rb')
            self.assertEqual(stream.readline(),
                             b'HTTP/1.1 101 Switching Protocols\r\n')
            head = b''.join(iter(stream.readline, b'\r\n'))
            self.assertIn(b's3pPLMBiTxaQ9kYGzzhZRbK+xOo=', head)
            # A text of five letters, masked by zeroes; then a Close of 1000.
            peer.sendall(b'\x81\x85\0\0\0\0hello\x88\x82\0\0\0\0\x03\xe8')
            self.assertEqual(stream.read(), b'\x81\x05hello\x88\x02\x03\xe8')
        self.assertEqual(self.server.ask('/ws').status, 426)


class Lives(unittest.TestCase):
    def test_a_signal_lets_it_finish_what_is_in_flight(self):
        server = Server('--workers', '2')
        try:
            with concurrent.futures.ThreadPoolExecutor() as pool:
                asked = [pool.submit(server.json, '/delay/1')
                         for _ in range(4)]
                time.sleep(0.5)
                server.process.send_signal(signal.SIGTERM)
                for one in asked:
                    self.assertIn('url', one.result())
        finally:
            self.assertEqual(server.end(told=True), (0, ''))

    def test_wrong_arguments_are_refused(self):
        for wrong in (['--port'], ['--port', 'x'], ['--port', '65536'],
                      ['--tls', 'a'], ['x'], ['--workers', '-1']):
            done = subprocess.run([PROGRAM, *wrong], capture_output=True,
                                  timeout=20)
            self.assertEqual(done.returncode, 2)
            self.assertIn(b'usage:', done.stderr)

    @unittest.skipUnless(CURL and OPENSSL, 'no curl or no openssl')
    def test_it_serves_over_tls(self):
        with tempfile.TemporaryDirectory() as where:
            key, certificate = f'{where}/key', f'{where}/certificate'
            subprocess.run(
                [OPENSSL, 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                 'ec_paramgen_curve:P-256', '-nodes', '-days', '1',
                 '-subj', '/CN=localhost', '-addext',
                 'subjectAltName=DNS:localhost', '-keyout', key, '-out',
                 certificate], check=True, capture_output=True)
            server = Server('--tls', certificate, key)
            try:
                for version in '1.1', '2':
                    done = subprocess.run(
                        [CURL, '-sS', '-m', '20', '--cacert', certificate,
                         f'--http{version}', '-o', f'{where}/said',
                         '-w', '%{http_version}',
                         f'https://localhost:{server.port}/get'],
                        check=True, capture_output=True, text=True)
                    self.assertEqual(done.stdout, version)
                    said = json.loads(pathlib.Path(where, 'said').read_text())
                    self.assertEqual(said['url'],
                                     f'https://localhost:{server.port}/get')
            finally:
                self.assertEqual(server.end(), (0, ''))


if __name__ == '__main__':
    unittest.main()
