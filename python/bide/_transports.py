# SPDX-License-Identifier: MIT
"""The transport of a connected socket: what happens once a connection.

Reading, writing and closing are in C; see src/stream.c.
"""
import sys
import warnings
from asyncio import constants, futures
from asyncio.log import logger

from . import _core

_ATTACH_WITH_TRANSPORT = sys.version_info >= (3, 13)


class SocketTransport(_core.StreamTransport):
    """A connected stream socket, TCP or Unix."""

    __slots__ = ()

    _start_tls_compatible = True
    _sendfile_compatible = constants._SendfileMode.TRY_NATIVE

    def __init__(self, loop, sock, protocol, waiter=None, extra=None,
                 server=None):
        self._set_up(protocol, server, extra)
        if not loop.get_debug():
            self._begin_soon(waiter)
            return
        loop.call_soon(protocol.connection_made, self)  # each by its name
        loop.call_soon(self._start_reading)
        if waiter is not None:
            loop.call_soon(futures._set_result_unless_cancelled, waiter, None)

    def __repr__(self):
        info = [self.__class__.__name__]
        if not self._is_open:
            info.append('closed')
        elif self._closing:
            info.append('closing')
        info.append(f'fd={self._sock_fd}')
        if self._loop is not None and not self._loop.is_closed():
            info.append('read=polling' if self.is_reading() else 'read=idle')
            size = self._write_buffer_size
            state = 'polling' if size else 'idle'
            info.append(f'write=<{state}, bufsize={size}>')
        return f'<{" ".join(info)}>'

    def __del__(self, _warn=warnings.warn):
        if self._is_open:
            _warn(f'unclosed transport {self!r}', ResourceWarning,
                  source=self)
            self._close_fd()
            self._detach_from_server()

    def get_protocol(self):
        """The current protocol."""
        return self._protocol

    def can_write_eof(self):
        """Sockets can be closed in one direction."""
        return True

    def abort(self):
        """Close at once; what was not sent is lost."""
        self._force_close(None)

    def get_write_buffer_size(self):
        """Bytes that were not sent yet."""
        return self._write_buffer_size

    def get_write_buffer_limits(self):
        """The water marks, low and high."""
        return self._low_water, self._high_water

    def set_write_buffer_limits(self, high=None, low=None):
        """Set when the protocol is paused and resumed."""
        if high is None:
            high = 64 * 1024 if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(
                f'high ({high!r}) must be >= low ({low!r}) must be >= 0')
        self._set_limits(high, low)

    def _write_to_nobody(self):
        if self._conn_lost >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES:
            logger.warning('socket.send() raised exception.')

    def _fatal_error(self, exc, message='Fatal error on transport'):
        loop = self._loop
        if loop is None:
            return
        if isinstance(exc, OSError):
            if loop.get_debug():
                logger.debug('%r: %s', self, message, exc_info=True)
        else:
            loop.call_exception_handler({
                'message': message,
                'exception': exc,
                'transport': self,
                'protocol': self._protocol,
            })
        self._force_close(exc)

    def _detach_from_server(self):
        server = self._server
        if server is not None:
            self._server = None
            if _ATTACH_WITH_TRANSPORT:
                server._detach(self)
            else:
                server._detach()

    def _call_connection_lost(self, exc):
        try:
            if self._protocol_connected and self._protocol is not None:
                self._protocol.connection_lost(exc)
        finally:
            waiter = self._empty_waiter
            if waiter is not None and not waiter.done():
                waiter.set_exception(
                    ConnectionError('Connection is closed by peer'))
            self._release()
            self._detach_from_server()

    def _make_empty_waiter(self):
        if self._empty_waiter is not None:
            raise RuntimeError('Empty waiter is already set')
        waiter = self._loop.create_future()
        if not self._write_buffer_size:
            waiter.set_result(None)
        self._empty_waiter = waiter
        return waiter

    def _reset_empty_waiter(self):
        self._empty_waiter = None
