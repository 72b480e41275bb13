# SPDX-License-Identifier: MIT
"""Files that are read and written by the engine, as aiofiles is used.

    async with bide.aio.open('log.txt') as file:
        async for line in file:
            ...

On io_uring no thread reads or writes. A file is opened and closed, and
whatever else the system knows only as a call that blocks is done, by a thread
of the loop's executor. On a loop that is not bide's, all is.

A position is that of a byte, in text, too: the encodings are UTF-8, ASCII and
Latin-1, where that is enough to go on from.
"""
import asyncio
import builtins
import codecs
import io
import os as _os
import re

from . import _core

__all__ = ('open', 'os')

_CHUNK = 64 << 10
_LINES = 8 << 10  # as a line leaves a copy of what is behind it
_ENCODINGS = 'utf-8', 'ascii', 'iso8859-1'


def _call(function, *args):
    """Call what blocks, in a thread."""
    return asyncio.get_running_loop().run_in_executor(None, function, *args)


async def _transfer(fd, buffer, offset, writing):
    """Read or write once; return the number of bytes."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, _core.Loop):
        future = _core.file_io(loop, fd, buffer, offset, writing)
        if future is not None:
            return await future
    if writing:
        return await _call(_os.pwrite, fd, buffer, offset)
    return await _call(_os.preadv, fd, [buffer], offset)


class BinaryFile:
    """A file of bytes. One task at a time may use it."""

    def __init__(self, raw, appending):
        self._raw = raw
        self._appending = appending
        self._position = raw.tell()
        self._ahead = b''  # what was read from the position on
        self._ended = False  # and there was no more

    def __repr__(self):
        return f'<bide.aio.{type(self).__name__} of {self._raw!r}>'

    # ── Bytes ──

    async def _fill(self, size=_CHUNK):
        """Read more behind what is there; False at the end."""
        self._check('readable', 'not readable')
        buffer = bytearray(size)
        count = await _transfer(self._raw.fileno(), buffer,
                                self._position + len(self._ahead), False)
        self._ended = count == 0
        self._ahead += memoryview(buffer)[:count]
        return count > 0

    def _take(self, count):
        taken = self._ahead[:count]
        self._ahead = self._ahead[count:]
        self._position += len(taken)
        return taken

    async def _fill_all(self):
        rest = _os.fstat(self._raw.fileno()).st_size - self._position - \
            len(self._ahead)
        while await self._fill(max(rest + 1, _CHUNK)):
            rest = 0

    async def _write_bytes(self, data):
        self._check('writable', 'not writable')
        self._ahead = b''
        view = memoryview(data).cast('B')
        while view:
            count = await _transfer(self._raw.fileno(), view, self._position,
                                    True)
            self._position += count
            view = view[count:]
        if self._appending:
            self._position = _os.fstat(self._raw.fileno()).st_size

    def _check(self, ability, complaint):
        if not getattr(self._raw, ability)():  # ValueError when closed
            raise io.UnsupportedOperation(complaint)

    # ── As of aiofiles ──

    async def read(self, size=-1):
        """Read so much, or all; less only at the end."""
        if size is None or size < 0:
            await self._fill_all()
            return self._take(len(self._ahead))
        while len(self._ahead) < size and \
                await self._fill(max(size - len(self._ahead), _CHUNK)):
            pass
        return self._take(size)

    async def readinto(self, buffer):
        """Read into a buffer; return the number of bytes."""
        view = memoryview(buffer).cast('B')
        data = await self.read(len(view))
        view[:len(data)] = data
        return len(data)

    def _find_line(self, start):
        """The length of a line that is there, or -1."""
        return self._ahead.find(b'\n', start) + 1 or -1

    async def _read_line(self, size):
        start = 0
        while True:
            length = self._find_line(start)
            if length >= 0 or 0 <= size <= len(self._ahead):
                break
            start = max(len(self._ahead) - 1, 0)
            if not await self._fill(_LINES):
                length = self._find_line(0)
                break
        if length < 0:
            length = len(self._ahead)
        return self._take(length if size < 0 else min(length, size))

    async def readline(self, size=-1):
        """Read up to and with the end of a line."""
        return await self._read_line(-1 if size is None else size)

    async def readlines(self, hint=-1):
        """Read lines, up to about so much in total."""
        lines, total = [], 0
        async for line in self:
            lines.append(line)
            total += len(line)
            if hint is not None and 0 < hint < total:
                break
        return lines

    async def write(self, data):
        """Write all; return how much that is."""
        await self._write_bytes(data)
        return memoryview(data).nbytes

    async def writelines(self, lines):
        """Write each."""
        for line in lines:
            await self.write(line)

    async def seek(self, offset, whence=_os.SEEK_SET):
        """Go to a position; return it."""
        if whence == _os.SEEK_CUR:
            offset, whence = self._position + offset, _os.SEEK_SET
        position = self._raw.seek(offset, whence)
        self._position, self._ahead = position, b''
        return position

    async def tell(self):
        """The position."""
        self._raw.fileno()  # ValueError when closed
        return self._position

    async def truncate(self, size=None):
        """Cut it, or make it longer; return its size."""
        self._ahead = b''
        return await _call(self._raw.truncate,
                           self._position if size is None else size)

    async def flush(self):
        """Nothing is held back: all was written."""
        self._raw.flush()

    async def close(self):
        """Close it."""
        self._ahead = b''
        if not self._raw.closed:
            await _call(self._raw.close)

    async def isatty(self):
        """Whether it is a terminal."""
        return self._raw.isatty()

    async def readable(self):
        """Whether it may be read."""
        return self._raw.readable()

    async def writable(self):
        """Whether it may be written."""
        return self._raw.writable()

    async def seekable(self):
        """Whether it has positions."""
        return self._raw.seekable()

    def fileno(self):
        """Its descriptor."""
        return self._raw.fileno()

    @property
    def closed(self):
        return self._raw.closed

    @property
    def name(self):
        return self._raw.name

    @property
    def mode(self):
        return self._raw.mode

    def __aiter__(self):
        return self

    async def __anext__(self):
        line = await self.readline()
        if line:
            return line
        raise StopAsyncIteration

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exception):
        await self.close()


class TextFile(BinaryFile):
    """A file of text."""

    def __init__(self, raw, appending, encoding, errors, newline):
        super().__init__(raw, appending)
        self.encoding, self.errors = encoding, errors or 'strict'
        self.newlines = newline

    def _translate(self, text):
        if self.newlines is None and '\r' in text:
            return text.replace('\r\n', '\n').replace('\r', '\n')
        return text

    def _decode(self, data, final=True):
        decoder = codecs.getincrementaldecoder(self.encoding)(self.errors)
        return decoder.decode(data, final)

    def _find_line(self, start):
        if self.newlines:
            end = self.newlines.encode()
            place = self._ahead.find(end, max(start - len(end), 0))
            return place + len(end) if place >= 0 else -1
        found = re.compile(rb'\r\n|\n|\r').search(self._ahead, start)
        if found is None or (found.group() == b'\r' and not self._ended and
                             found.end() == len(self._ahead)):
            return -1  # what follows it may belong to it
        return found.end()

    async def read(self, size=-1):
        """Read so many characters, or all."""
        if size is None or size < 0:
            return self._translate(self._decode(await super().read()))
        while size:
            text = self._decode(self._ahead, self._ended)
            if '\r' in text and self.newlines is None:
                parts = re.findall(r'\r\n|.', text, re.DOTALL)
            else:
                parts = text
            # One more, as \r may be the first half of it.
            if len(parts) > size or self._ended:
                whole = ''.join(parts[:size])
                self._take(len(whole.encode(self.encoding, self.errors)))
                return self._translate(whole)
            await self._fill()
        return ''

    async def readline(self, size=-1):
        """Read up to and with the end of a line."""
        ahead = self._position
        line = self._translate(self._decode(await self._read_line(-1)))
        if size is None or not 0 <= size < len(line):
            return line
        await self.seek(ahead)
        return await self.read(size)

    async def write(self, data):
        """Write text; return how many characters that is."""
        if not isinstance(data, str):
            raise TypeError('write() argument must be str, not '
                            + type(data).__name__)
        text = data
        if self.newlines not in (None, '', '\n'):
            text = text.replace('\n', self.newlines)
        await self._write_bytes(text.encode(self.encoding, self.errors))
        return len(data)


class _Opening:
    """What open() returns: await it, or enter it by `async with`."""

    def __init__(self, make):
        self._make = make
        self._file = None

    def __await__(self):
        return self._make().__await__()

    async def __aenter__(self):
        self._file = await self._make()
        return self._file

    async def __aexit__(self, *exception):
        await self._file.close()


def open(file, mode='r', buffering=-1, encoding=None, errors=None,
         newline=None, closefd=True, opener=None, *, loop=None,
         executor=None):
    """Open a file: the arguments are those of the built-in open().

    Nothing that is written is held back, whatever `buffering` says; `loop` is
    the running one and `executor` is not used: aiofiles has them.
    """
    binary = 'b' in mode
    if binary and (encoding or errors or newline is not None):
        raise ValueError('a file of bytes has no encoding, errors, newline')
    if newline not in (None, '', '\n', '\r', '\r\n'):
        raise ValueError(f'illegal newline value: {newline!r}')
    encoding = codecs.lookup(encoding or 'utf-8').name
    if encoding not in _ENCODINGS:
        raise ValueError(f'the encoding {encoding!r} is none of '
                         f'{", ".join(_ENCODINGS)}: open it as bytes')
    if not binary and errors not in (None, 'strict'):
        raise ValueError(f'errors={errors!r}: only "strict" is supported')

    async def make():
        raw = await _call(
            lambda: builtins.open(
                file, mode.replace('t', '').replace('b', '') + 'b', 0,
                closefd=closefd, opener=opener))
        if binary:
            return BinaryFile(raw, 'a' in mode)
        return TextFile(raw, 'a' in mode, encoding, errors, newline)
    return _Opening(make)


class os:
    """Functions of the module os that may block, as coroutines."""


def _wrap(function):
    async def call(*args, **kwargs):
        return await _call(lambda: function(*args, **kwargs))
    call.__name__ = call.__qualname__ = function.__name__
    call.__doc__ = f'os.{function.__name__}() in a thread.'
    return staticmethod(call)


class _path:
    """Those of os.path."""


for _name in ('access', 'link', 'listdir', 'makedirs', 'mkdir', 'readlink',
              'remove', 'removedirs', 'rename', 'renames', 'replace', 'rmdir',
              'scandir', 'sendfile', 'stat', 'statvfs', 'symlink', 'unlink',
              'getcwd'):
    setattr(os, _name, _wrap(getattr(_os, _name)))
for _name in ('abspath', 'exists', 'getatime', 'getctime', 'getmtime',
              'getsize', 'isdir', 'isfile', 'islink', 'ismount', 'samefile'):
    setattr(_path, _name, _wrap(getattr(_os.path, _name)))
os.path = _path
