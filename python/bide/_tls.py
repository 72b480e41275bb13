# SPDX-License-Identifier: MIT
"""TLS on Python's ssl module: asyncio's code, but for what runs often.

Reading and writing are in C; see src/tls.c. asyncio's SSLProtocol does the
handshake, the shutdown and the errors.
"""
from asyncio import constants, sslproto
from asyncio.log import logger

from . import _core

_BUFFER_SIZE = 256 * 1024


class SSLTransport(_core.TlsTransport, sslproto._SSLProtocolTransport):
    """What the protocol of a program writes to."""


class SSLProtocol(_core.Tls, sslproto.SSLProtocol):
    """The protocol of the transport below."""

    max_size = 0  # asyncio's buffer, which TLS within TLS alone needs

    def _get_app_transport(self):
        if self._app_transport is None:
            if self._app_transport_created:
                raise RuntimeError('Creating the transport twice')
            self._app_transport = SSLTransport(self._loop, self)
            self._app_transport_created = True
        return self._app_transport

    def _write_to_nobody(self):
        if self._conn_lost >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES:
            logger.warning('SSL connection is closed')
        self._conn_lost += 1

    def get_buffer(self, n):
        """A buffer for a transport that is not bide's own."""
        want = n if 0 < n <= _BUFFER_SIZE else _BUFFER_SIZE
        if len(self._ssl_buffer) < want:
            self._ssl_buffer = bytearray(want)
            self._ssl_buffer_view = memoryview(self._ssl_buffer)
        return self._ssl_buffer_view

    def buffer_updated(self, nbytes):
        """It was filled."""
        self._feed(self._ssl_buffer_view[:nbytes])
