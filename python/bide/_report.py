# SPDX-License-Identifier: MIT
"""What is said about a callback, in asyncio's words. Called from C."""
from asyncio import base_events, format_helpers


def callback_failed(handle, exception):
    """An exception came out of a handle's callback."""
    callback = format_helpers._format_callback_source(
        handle._callback, handle._args)
    context = {
        'message': f'Exception in callback {callback}',
        'exception': exception,
        'handle': handle,
    }
    if handle._source_traceback:
        context['source_traceback'] = handle._source_traceback
    handle._loop.call_exception_handler(context)


def callback_was_slow(handle, seconds):
    """A callback took longer than loop.slow_callback_duration."""
    base_events.logger.warning('Executing %s took %.3f seconds',
                               base_events._format_handle(handle), seconds)
