# SPDX-License-Identifier: MIT
"""What is measured: a line has a load, and servers that take part.

Bounds are ratios of processor time a request; 1.1 against a peer means that
bide may take 1.1 times as much.
"""
import dataclasses

HAND = ('hand-epoll', 'hand-uring')
FULL = ('nginx', 'h2o', 'lighttpd', 'libmicrohttpd', 'Go', 'aiohttp')
FILES = ('nginx', 'h2o', 'lighttpd', 'Go')
BIDE = ('bide', 'bide epoll')


@dataclasses.dataclass
class Line:
    name: str
    title: str
    load: str               # a function of load.py
    servers: tuple
    arguments: dict = dataclasses.field(default_factory=dict)
    bounds: tuple = ()      # (peer, limit) of bide / peer
    below: float = 0        # microseconds a request; 0: no such bound
    tls: bool = False
    h2: bool = False
    unit: str = 'server CPU us a request'


LINES = (
    Line('plaintext', 'plaintext, 64 connections', 'wrk',
         BIDE + HAND + FULL, {'path': '/plaintext'},
         (('hand-uring', 1.1), ('nginx', 1), ('h2o', 1), ('Go', 1)), 6.0),
    Line('pipelined', 'plaintext, 16 requests in one write', 'wrk',
         BIDE + HAND + ('nginx', 'h2o', 'Go'),
         {'path': '/plaintext', 'script': 'pipeline.lua'}, (), 0.7),
    Line('json', 'JSON of one small struct', 'wrk',
         BIDE + FULL, {'path': '/json'}, (('nginx', 1),), 6.3),
    Line('file-4k', 'a file of 4 KiB', 'wrk', BIDE + FILES,
         {'path': '/4k'}, (('nginx', 1),)),
    Line('file-1m', 'a file of 1 MiB', 'wrk', BIDE + FILES,
         {'path': '/1m'}, (('nginx', 1),)),
    Line('tls-file-4k', 'a file of 4 KiB over TLS', 'wrk',
         BIDE + ('nginx', 'h2o', 'lighttpd'), {'path': '/4k'},
         (('nginx', 1),), tls=True),
    Line('tls-file-1m', 'a file of 1 MiB over TLS', 'wrk',
         BIDE + ('nginx', 'h2o', 'lighttpd'), {'path': '/1m'},
         (('nginx', 1),), tls=True),
    Line('tls', 'plaintext over TLS, connections kept', 'wrk',
         BIDE + ('nginx', 'h2o'), {'path': '/plaintext'}, (('nginx', 1),),
         tls=True),
    Line('handshakes', 'a TLS connection for each request', 'wrk',
         BIDE + ('nginx', 'h2o'),
         {'path': '/plaintext', 'headers': ('Connection: close',)},
         (('nginx', 1),), tls=True),
    Line('h2c', 'HTTP/2, 8 connections with 32 streams', 'h2load',
         BIDE + ('nghttpd', 'nginx', 'h2o'), {'path': '/plaintext'},
         (('nghttpd', 1),), h2=True),
    Line('h2', 'the same over TLS', 'h2load',
         BIDE + ('nghttpd', 'nginx', 'h2o'), {'path': '/plaintext'},
         (('nghttpd', 1), ('nginx', 0.5)), tls=True, h2=True),
    Line('websocket', 'WebSocket echo of 64 B, one message under way',
         'websocket', BIDE + ('aiohttp',), {'depth': 1},
         (('aiohttp', 1),), unit='server CPU us a message'),
    Line('websocket-16', 'WebSocket echo of 64 B, 16 messages under way',
         'websocket', BIDE + ('aiohttp',), {'depth': 16},
         (('aiohttp', 1),), unit='server CPU us a message'),
    Line('idle', 'idle connections', 'idle', BIDE + ('nginx', 'Go'),
         {'path': '/plaintext'}, (), 6.0, unit='KiB a connection'),
    Line('client', 'GETs of a client, 64 connections', 'client',
         BIDE + ('Go', 'aiohttp'), {'path': '/plaintext'},
         (('Go', 1), ('aiohttp', 1)), 10.0, unit='client CPU us a request'),
    Line('workers', 'two workers on two processors', 'workers', ('bide',),
         {'path': '/plaintext'}, unit='speed of two to one, by CPU time'),
)
