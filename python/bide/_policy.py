# SPDX-License-Identifier: MIT
"""The event loop policy, apart because asyncio deprecates policies."""
import asyncio
import warnings

from ._loop import Loop

with warnings.catch_warnings():
    warnings.simplefilter('ignore', DeprecationWarning)
    _Default = asyncio.DefaultEventLoopPolicy


class EventLoopPolicy(_Default):
    """asyncio's own policy but for the class of its loops."""

    _loop_factory = Loop


_before = []


def _set(policy):
    """Set it without the warning: there is no other way to install a loop
    for a program that does not name one."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        asyncio.set_event_loop_policy(policy)


def set_policy(policy):
    """Set ours; what was set before is kept for restore_policy()."""
    if not _before:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', DeprecationWarning)
            _before.append(asyncio.get_event_loop_policy())
    _set(policy)


def restore_policy():
    """Set what was set before ours, if ours was."""
    if _before:
        _set(_before.pop())
