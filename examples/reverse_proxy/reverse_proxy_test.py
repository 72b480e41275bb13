#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Requests of all kinds through the reverse proxy.

    reverse_proxy_test.py PROGRAM
"""
import contextlib
import http.client
import http.server
import subprocess
import sys
import threading

BODY = bytes(range(256)) * 4096


class Origin(http.server.BaseHTTPRequestHandler):
    """Tells what it was asked."""

    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path == '/moved':
            self.send_response(302)
            self.send_header('Location', '/elsewhere')
            self.send_header('Content-Length', '0')
            self.end_headers()
            return
        self.send_response(200)
        self.send_header('Content-Type', 'application/x-bytes')
        self.send_header('X-Seen', repr(sorted(k.lower()
                                               for k in self.headers)))
        if self.path == '/chunks':
            self.send_header('Transfer-Encoding', 'chunked')
            self.end_headers()
            for at in range(0, len(BODY), 50000):
                piece = BODY[at:at + 50000]
                self.wfile.write(b'%x\r\n%s\r\n' % (len(piece), piece))
            self.wfile.write(b'0\r\n\r\n')
            return
        self.send_header('Content-Length', str(len(BODY)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(BODY)

    do_HEAD = do_GET

    def do_POST(self):
        body = b''
        if self.headers.get('Transfer-Encoding') == 'chunked':
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(201)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def check(port):
    client = http.client.HTTPConnection('127.0.0.1', port, timeout=20)

    def ask(method, path, body=None, **headers):
        client.request(method, path, body, headers)
        answer = client.getresponse()
        return answer, answer.read()

    answer, body = ask('GET', '/length', Upgrade='x', Connection='upgrade',
                       Cookie='a=b')
    assert answer.status == 200 and body == BODY
    assert answer.getheader('Content-Type') == 'application/x-bytes'
    seen = answer.getheader('X-Seen')
    assert 'cookie' in seen and 'upgrade' not in seen, seen
    assert len(answer.headers.get_all('Date')) == 1
    answer, body = ask('GET', '/chunks')
    assert body == BODY and answer.getheader('Transfer-Encoding') == 'chunked'
    answer, body = ask('HEAD', '/length')
    assert body == b'' and answer.getheader('Content-Length') == str(len(BODY))
    answer, body = ask('GET', '/moved')
    assert answer.status == 302 and answer.getheader('Location') == '/elsewhere'
    answer, body = ask('POST', '/', BODY)
    assert answer.status == 201 and body == BODY
    answer, body = ask('POST', '/', iter([b'in ', b'pieces']))
    assert answer.status == 201 and body == b'in pieces'
    client.close()


@contextlib.contextmanager
def proxy_of(program, url):
    with subprocess.Popen([program, '0', url], stderr=subprocess.PIPE,
                          text=True) as proxy:
        try:
            yield int(proxy.stderr.readline().split()[1])
            proxy.terminate()
            assert proxy.wait(20) == 0, proxy.returncode
        finally:
            proxy.kill()


def main(program):
    origin = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Origin)
    origin.daemon_threads = True
    threading.Thread(target=origin.serve_forever, daemon=True).start()
    url = f'http://127.0.0.1:{origin.server_address[1]}'
    with proxy_of(program, url) as port:
        check(port)
    with proxy_of(program, 'http://127.0.0.1:1') as port:
        client = http.client.HTTPConnection('127.0.0.1', port, timeout=20)
        client.request('GET', '/')
        assert client.getresponse().status == 502


if __name__ == '__main__':
    main(sys.argv[1])
