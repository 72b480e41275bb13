# SPDX-License-Identifier: MIT
"""asyncio's locks, queues and what else waits, in C where it runs often.

Each class here has two bases: the type in C, whose methods are found first,
and asyncio's own class, which has the rest. So an object is an instance of
asyncio's class, too, whether that was replaced or not.
"""
import asyncio
import collections.abc
import functools
import sys
from asyncio import locks, queues, streams, tasks

from . import _core

collections.abc.Coroutine.register(_core.Await)


def _state(names):
    """Make __getstate__(), for copies and pickles: what is in C is slots."""
    def __getstate__(self):
        slots = {name: getattr(self, name) for name in names}
        return self.__dict__ or None, slots
    return __getstate__


def _make(base, names, *before, **more):
    """A class of the type in C that has the name of asyncio's."""
    core = getattr(_core, base.__name__)
    return type(base.__name__, (core, *before, base), {
        '__module__': base.__module__,
        '__qualname__': base.__qualname__,
        '__doc__': base.__doc__,
        '__getstate__': _state(names),
        **more,
    })


_WAITS = '_loop', '_waiters'
_QUEUE = ('_loop', '_getters', '_putters', '_queue', '_maxsize', '_finished',
          '_unfinished_tasks') + (
              ('_is_shutdown',) if hasattr(queues.Queue, 'shutdown') else ())

Event = _make(locks.Event, (*_WAITS, '_value'))
Lock = _make(locks.Lock, (*_WAITS, '_locked'))
Semaphore = _make(locks.Semaphore, (*_WAITS, '_value'))
BoundedSemaphore = _make(locks.BoundedSemaphore,
                         (*_WAITS, '_value', '_bound_value'), Semaphore)
Queue = _make(queues.Queue, _QUEUE)
PriorityQueue = _make(queues.PriorityQueue, _QUEUE, Queue)
LifoQueue = _make(queues.LifoQueue, _QUEUE, Queue)

def _init_writer(self, transport, protocol, reader, loop):
    # A reader may be asyncio's own, which came before ours.
    assert reader is None or isinstance(reader, _OWN_READER)
    _OWN_WRITER.__init__(self, transport, protocol, None, loop)
    self._reader = reader


_OWN_READER, _OWN_WRITER = streams.StreamReader, streams.StreamWriter
StreamReader = _make(_OWN_READER, (
    '_loop', '_waiter', '_exception', '_transport', '_limit', '_eof',
    '_paused', '_buffer'))
StreamReaderProtocol = _make(streams.StreamReaderProtocol, (
    '_stream_reader_wr', '_paused', '_connection_lost'))
StreamWriter = _make(_OWN_WRITER, (
    '_loop', '_transport', '_protocol', '_reader'), __init__=_init_writer)

_asyncio_gather = tasks.gather


@functools.wraps(_asyncio_gather)
def gather(*coros_or_futures, return_exceptions=False):
    if not coros_or_futures:
        return _asyncio_gather()
    return _core.gather(coros_or_futures, return_exceptions)


# What replaces what, where: (module, name, ours).
_REPLACED = [
    (module, item.__name__, item)
    for owner, items in [
        (locks, [Event, Lock, Semaphore, BoundedSemaphore]),
        (queues, [Queue, PriorityQueue, LifoQueue]),
        (streams, [StreamReader, StreamReaderProtocol, StreamWriter]),
        # Later Pythons have futures know who awaits them.
        (tasks, [gather] if sys.version_info < (3, 14) else []),
    ]
    for item in items
    for module in (asyncio, owner)
]
_before = []

# asyncio's own sets of tasks, which C adds to by their add().
_TASK_SETS = [getattr(tasks, name) for name in ('_all_tasks',
                                                '_scheduled_tasks')
              if hasattr(tasks, name)]


def install():
    """Put ours in the place of asyncio's; nothing if that was done."""
    if not _before:
        for module, name, ours in _REPLACED:
            _before.append((module, name, getattr(module, name)))
            setattr(module, name, ours)
        for task_set in _TASK_SETS:
            task_set.add = _core.make_task_set(task_set)


def uninstall():
    """Put asyncio's back."""
    if _before:
        for task_set in _TASK_SETS:
            del task_set.add
    while _before:
        setattr(*_before.pop())
