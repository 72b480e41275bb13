# SPDX-License-Identifier: MIT
"""asyncio programs, unchanged, on bide's engine.

    bide.run(main())
    asyncio.run(main(), loop_factory=bide.new_event_loop)
    bide.install()
    python -m bide program.py
"""
import asyncio as _asyncio

from ._loop import Loop

__all__ = ('EventLoopPolicy', 'Loop', 'install', 'new_event_loop', 'run',
           'uninstall')


def new_event_loop():
    """Make a loop; it is not set as the current one."""
    return Loop()


def run(main, *, debug=None):
    """Run a coroutine to its end, as asyncio.run() does."""
    if _asyncio._get_running_loop() is not None:
        raise RuntimeError(
            'bide.run() cannot be called from a running event loop')
    with _asyncio.Runner(debug=debug, loop_factory=Loop) as runner:
        return runner.run(main)


def __getattr__(name):
    # The base class is deprecated from 3.14 on: only who uses it is warned.
    if name == 'EventLoopPolicy':
        from ._policy import EventLoopPolicy
        return EventLoopPolicy
    if name == 'aio':
        import importlib
        return importlib.import_module('bide.aio')
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def install(*, accelerate=False):
    """Have asyncio make bide's loops, for programs that take its default.

    accelerate: put asyncio's locks, queues and the like in C, too; what a
    program imported from asyncio by name before stays as it was.
    """
    from ._policy import EventLoopPolicy, set_policy
    set_policy(EventLoopPolicy())
    if accelerate:
        from . import _accel
        _accel.install()


def uninstall():
    """Undo install(): asyncio's policy and classes are as they were."""
    import sys
    from ._policy import restore_policy
    restore_policy()
    accel = sys.modules.get('bide._accel')
    if accel is not None:
        accel.uninstall()
