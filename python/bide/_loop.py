# SPDX-License-Identifier: MIT
"""The loop: C where it is hot, asyncio's own code where it is policy.

_core.Loop comes first among the bases, so that its methods are found before
asyncio's. What asyncio's code needs of a selector is below.
"""
import os
import selectors
import socket
import ssl
from asyncio import constants, trsock, unix_events
from asyncio.base_events import BaseEventLoop

from . import _core
from ._tls import SSLProtocol
from ._transports import SocketTransport


_Socket = socket.socket
_FAMILIES = socket.AF_INET, socket.AF_INET6, socket.AF_UNIX

# Of the options of create_connection(), those that change nothing for an
# address in digits.
_OF_NO_MATTER = 'family', 'proto', 'flags'


class _Selector(selectors._BaseSelectorImpl):
    """Stands where asyncio expects a selector: the engine selects.

    asyncio's transports ask it which readers and writers there are, for their
    repr(). A program that has a _run_once() of its own waits by it.
    """

    def __init__(self, loop):
        super().__init__()
        self._loop = loop

    def select(self, timeout=None):
        self._loop._poll(timeout)
        return []

    def get_key(self, fileobj):
        if self._loop is None:
            raise RuntimeError('Selector is closed')
        fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        events = 0
        if self._loop._watched(fd, 0):
            events |= selectors.EVENT_READ
        if self._loop._watched(fd, 1):
            events |= selectors.EVENT_WRITE
        if not events:
            raise KeyError(f'{fileobj!r} is not registered')
        return selectors.SelectorKey(fileobj, fd, events, None)

    def close(self):
        self._loop = None
        super().close()


class _Ready:
    """Stands where asyncio's code has a deque of handles."""

    def __init__(self, loop):
        self._loop = loop

    def __len__(self):
        return self._loop._count_ready() if self._loop else 0

    def popleft(self):
        """Take the handle that comes next."""
        return self._loop._pop_ready()

    def append(self, handle):
        """Have a handle run."""
        self._loop._add_callback(handle)

    def clear(self):
        """Called when the loop is closed."""
        self._loop = None


def _is_number(host, port):
    """Whether these may be an address and a port in digits."""
    if port is not None and not isinstance(port, int):
        return False
    return isinstance(host, str) and (host[:1].isdigit() or ':' in host)


class Loop(_core.Loop, unix_events._UnixSelectorEventLoop):
    """An event loop of asyncio on bide's engine."""

    def __init__(self):
        super().__init__(_Selector(self))
        self._ready = _Ready(self)
        self._acceptors = {}
        self._stream_type = SocketTransport
        self._transports_data = self._transports.data

    def close(self):
        super().close()
        self._acceptors.clear()
        self._close_core()

    def getaddrinfo(self, host, port, *, family=0, type=0, proto=0, flags=0):
        if not flags and not self._debug:
            known = self._resolve(host, port, family, type, proto)
            if known is not None:
                return known
        return self._look_up(host, port, family, type, proto, flags)

    async def _look_up(self, host, port, family, type, proto, flags):
        # An address in digits needs no look-up, and so no thread.
        if not self._debug and _is_number(host, port):
            try:
                return socket.getaddrinfo(
                    host, port, family, type, proto,
                    flags | socket.AI_NUMERICHOST | socket.AI_NUMERICSERV)
            except socket.gaierror:
                pass  # it was none: the error is the look-up's to raise
        return await super().getaddrinfo(
            host, port, family=family, type=type, proto=proto, flags=flags)

    def _may_dial(self):
        # Not where a program watches over sockets by classes of its own.
        return not self._debug and socket.socket is _Socket and \
            'sock_connect' not in self.__dict__ and \
            type(self).sock_connect is _core.Loop.sock_connect

    async def create_connection(self, protocol_factory, host=None, port=None,
                                **options):
        dial = None
        if self._may_dial() and all(
                not value or name in _OF_NO_MATTER
                for name, value in options.items()):
            dial = self._dial(host, port, options.get('family', 0))
        if dial is None:
            return await super().create_connection(protocol_factory, host,
                                                   port, **options)
        fd = await dial
        try:
            protocol = protocol_factory()
        except BaseException:
            os.close(fd)
            raise
        waiter = self.create_future()
        transport = self._open_stream(fd, protocol, waiter)
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        return transport, protocol

    def _ensure_fd_no_transport(self, fd):
        super()._ensure_fd_no_transport(fd)
        self._refuse_stream(fd)

    async def _sendfile_native(self, transport, file, offset, count):
        reading = transport.is_reading()
        transport.pause_reading()
        await transport._make_empty_waiter()
        transport._lent = True
        try:
            return await self.sock_sendfile(transport._sock, file, offset,
                                            count, fallback=False)
        finally:
            transport._lent = False
            transport._reset_empty_waiter()
            if reading:
                transport.resume_reading()

    def _start_serving(self, protocol_factory, sock, sslcontext=None,
                       server=None, *args, **kwargs):
        # asyncio makes a task for each connection, which TLS needs.
        if sslcontext is not None or self._debug or \
                sock.family not in _FAMILIES or \
                sock.type != socket.SOCK_STREAM:
            super()._start_serving(protocol_factory, sock, sslcontext, server,
                                   *args, **kwargs)
            return
        acceptor = _core.Acceptor(self, sock, protocol_factory, server)
        self._acceptors[sock.fileno()] = acceptor
        acceptor.start()

    def _accept_failed(self, acceptor, sock, exception):
        self.call_exception_handler({
            'message': 'socket.accept() out of system resource',
            'exception': exception,
            'socket': trsock.TransportSocket(sock),
        })
        self.call_later(constants.ACCEPT_RETRY_DELAY, acceptor.start)

    def _stop_serving(self, sock):
        acceptor = self._acceptors.pop(sock.fileno(), None)
        if acceptor is not None:
            acceptor.stop()
        self._remove_reader(sock.fileno())
        self._settle()  # or the address would be in use for another turn
        super()._stop_serving(sock)

    def _create_task_slowly(self, coro, **kwargs):
        return BaseEventLoop.create_task(self, coro, **kwargs)

    def _make_socket_transport(self, sock, protocol, waiter=None, *,
                               extra=None, server=None):
        self._ensure_fd_no_transport(sock)
        return SocketTransport(self, sock, protocol, waiter, extra, server)

    def _make_ssl_transport(self, rawsock, protocol, sslcontext, waiter=None,
                            *, server_side=False, server_hostname=None,
                            extra=None, server=None, **timeouts):
        self._ensure_fd_no_transport(rawsock)
        ssl_protocol = SSLProtocol(
            self, protocol, sslcontext, waiter, server_side, server_hostname,
            **timeouts)
        SocketTransport(self, rawsock, ssl_protocol, extra=extra,
                        server=server)
        return ssl_protocol._app_transport

    async def start_tls(self, transport, protocol, sslcontext, *,
                        server_side=False, server_hostname=None,
                        ssl_handshake_timeout=None,
                        ssl_shutdown_timeout=None):
        if not isinstance(sslcontext, ssl.SSLContext):
            raise TypeError(
                f'sslcontext is expected to be an instance of ssl.SSLContext, '
                f'got {sslcontext!r}')
        if not getattr(transport, '_start_tls_compatible', False):
            raise TypeError(
                f'transport {transport!r} is not supported by start_tls()')
        waiter = self.create_future()
        ssl_protocol = SSLProtocol(
            self, protocol, sslcontext, waiter, server_side, server_hostname,
            call_connection_made=False,
            ssl_handshake_timeout=ssl_handshake_timeout,
            ssl_shutdown_timeout=ssl_shutdown_timeout)
        # It must hear of the connection before it hears of bytes.
        transport.pause_reading()
        transport.set_protocol(ssl_protocol)
        made = self.call_soon(ssl_protocol.connection_made, transport)
        resumed = self.call_soon(transport.resume_reading)
        try:
            await waiter
        except BaseException:
            transport.close()
            made.cancel()
            resumed.cancel()
            raise
        return ssl_protocol._app_transport
