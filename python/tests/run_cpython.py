#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run CPython's own tests of asyncio on bide's loop.

    run_cpython.py                     every module of MODULES
    run_cpython.py test_events ...     some of them
    run_cpython.py -k NAME ...         tests whose name contains NAME
    run_cpython.py --accelerate ...    with locks, queues and so on in C

The tests are those of the Python that runs this (test.test_asyncio). Where
they ask asyncio for a loop, they get ours. cpython_skips.txt lists what is
left out and why. Each module runs in a process of its own. The last line is
"N passed, N skipped, N failed".
"""
import argparse
import concurrent.futures
import importlib
import os
import pathlib
import re
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
MODULES = [  # the slowest first
    'test_subprocess', 'test_events', 'test_tasks', 'test_ssl',
    'test_sendfile', 'test_base_events', 'test_buffered_proto',
    'test_context', 'test_eager_task_factory', 'test_free_threading',
    'test_futures', 'test_futures2', 'test_locks', 'test_pep492',
    'test_queues', 'test_runners', 'test_server', 'test_sock_lowlevel',
    'test_sslproto', 'test_staggered', 'test_streams', 'test_taskgroups',
    'test_threads', 'test_timeouts', 'test_unix_events', 'test_waitfor',
]
LIMIT_SECONDS = 300
SUM = re.compile(r'^SUM (\d+) (\d+) (\d+)$', re.M)


def read_skips():
    """Patterns of test ids, each with its reason."""
    skips = []
    for line in (HERE / 'cpython_skips.txt').read_text().splitlines():
        if line and not line.startswith('#'):
            pattern, reason = line.split(None, 1)
            skips.append((re.compile(pattern + '$'), reason))
    return skips


def substitute():
    """Have asyncio's names for a loop mean ours."""
    import asyncio
    import bide

    class Loop(bide.Loop):
        def __init__(self, selector=None):
            if selector is not None:
                selector.close()
            super().__init__()

    asyncio.SelectorEventLoop = Loop
    asyncio.unix_events.SelectorEventLoop = Loop
    if hasattr(asyncio, 'EventLoop'):
        asyncio.EventLoop = Loop
    if sys.version_info >= (3, 14):
        asyncio.new_event_loop = asyncio.events.new_event_loop = Loop
    asyncio.unix_events._UnixDefaultEventLoopPolicy._loop_factory = Loop


def tests_of(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_of(item)
        else:
            yield item


def leave_out(test, reason):
    method = getattr(test, '_testMethodName')
    setattr(test, method, lambda *args: test.skipTest(reason))


def run_module(name, pattern, accelerate):
    """In the process of one module."""
    substitute()
    if accelerate:
        from bide import _accel
        _accel.install()
    from test import support
    support.use_resources = ['network', 'cpu', 'subprocess', 'walltime']
    full = f'test.test_asyncio.{name}'
    try:
        module = importlib.import_module(full)
    except ModuleNotFoundError as error:
        if error.name == full:  # of another version of Python
            print('SUM 0 0 0')
            return
        raise
    skips = read_skips()
    chosen = unittest.TestSuite()
    loader = unittest.defaultTestLoader
    for test in tests_of(loader.loadTestsFromModule(module)):
        short = test.id().removeprefix('test.test_asyncio.')
        if pattern and not re.search(pattern, short):
            continue
        for skip, reason in skips:
            if skip.match(short):
                leave_out(test, reason)
        chosen.addTest(test)
    result = unittest.TextTestRunner(
        verbosity=2 if pattern else 1).run(chosen)
    # One that fails in tearDown(), too, is one.
    failed = len({test.id() for test, _ in result.failures + result.errors})
    failed += len(result.unexpectedSuccesses)
    skipped = len(result.skipped)
    passed = result.testsRun - skipped - failed
    print(f'SUM {passed} {skipped} {failed}')


def run_apart(name, pattern, accelerate):
    """Run a module in a process; return its output and exit status."""
    command = [sys.executable, __file__, '--module', name]
    if accelerate:
        command.append('--accelerate')
    if pattern:
        command += ['-k', pattern]
    try:
        run = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                             stderr=subprocess.STDOUT, timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired as expired:
        return ((expired.stdout or b'').decode(errors='replace'),
                f'no end after {LIMIT_SECONDS} s')
    return run.stdout, run.returncode


def run_all(names, pattern, accelerate):
    """Each module in a process; return whether all is well."""
    total = [0, 0, 0]
    # Most of their time is spent in waiting.
    workers = concurrent.futures.ThreadPoolExecutor(
        min(4, os.cpu_count() or 1))
    runs = workers.map(lambda name: run_apart(name, pattern, accelerate),
                       names)
    for name, (output, code) in zip(names, runs):
        found = SUM.search(output)
        counts = [int(n) for n in found.groups()] if found else [0, 0, 1]
        bad = code != 0 or counts[2] > 0
        if bad or pattern:
            print(output)
        print(f'{name}: {counts[0]} passed, {counts[1]} skipped, '
              f'{counts[2]} failed' + (f' ({code})' if code else ''),
              flush=True)
        total = [a + b for a, b in zip(total, counts)]
    print(f'{total[0]} passed, {total[1]} skipped, {total[2]} failed')
    return total[2] == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('names', nargs='*')
    parser.add_argument('-k', dest='pattern', default='')
    parser.add_argument('--module')
    parser.add_argument('--accelerate', action='store_true')
    options = parser.parse_args()
    if options.module:
        run_module(options.module, options.pattern, options.accelerate)
        sys.stdout.flush()
        os._exit(0)  # a thread that hangs must not hold us up
    sys.exit(not run_all(options.names or MODULES, options.pattern,
                         options.accelerate))


if __name__ == '__main__':
    main()
