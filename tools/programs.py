# SPDX-License-Identifier: MIT
"""Compile programs as their users would, and compare what they print.

Each program is one file NAME.c with NAME.out beside it. It is compiled once,
against an installed copy that pkg-config finds, and run on each backend, and
once more where the kernel refuses io_uring, which must not be noticed.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from installed import COMPARE
from tally import Tally

# Those above the core; each has its own package, and headers of its name.
LIBRARIES = ['http', 'jobs', 'model', 'postgres', 'redis', 'sql', 'sqlite',
             'tls', 'web']
WARNINGS = ['-std=gnu11', '-Wall', '-Wextra', '-Werror']


def package_of(source):
    """What a program is to be linked with."""
    return 'bide-test' if '<bide/test.h>' in source.read_text() else 'bide'


def other_packages_of(source):
    """Libraries beside bide's core: bide's own, by their headers, and others
    that a program says it needs."""
    text = source.read_text()
    own = {f'bide-{name}' for name in re.findall(
        r'^#include <bide/([a-z]+)\w*\.h>$', text, re.M) if name in LIBRARIES}
    named = re.findall(r'Needs ([a-z0-9.+-]+?)\.\s', text)
    return sorted(own) + [name for name in named if name not in own]


def run_one(source, flags, installed, helpers, scratch):
    """Compile a program and run it in each way."""
    tally = Tally()
    label = f'{source.parent.name}/{source.name}'
    others = []
    for other in other_packages_of(source):
        more = installed.flags(other)
        if more is None:
            tally.add_program({
                'name': f'{label} needs {other}', 'stdout': '', 'stderr': '',
                'returncode': 77, 'result': 'SKIP'})
            return tally
        others += more
    program = scratch / f'{source.parent.name}-{source.stem}'
    compiled = subprocess.run(
        ['cc', *WARNINGS, str(source), '-o', str(program),
         *flags[package_of(source)], *others],
        capture_output=True, text=True)
    if compiled.returncode != 0:
        tally.fail(f'{label} does not compile', compiled.stderr)
        return tally
    ways = [('on uring', 'uring', [helpers / 'with_uring']),
            ('on epoll', 'epoll', []),
            ('without io_uring', None, [helpers / 'no_uring', 'EPERM'])]
    for way, backend, wrapper in ways:
        env = installed.environment(
            **({'BIDE_BACKEND': backend} if backend else {}))
        run = subprocess.run(
            [sys.executable, COMPARE, source.with_suffix('.out'), *wrapper,
             program], env=env, capture_output=True, text=True)
        tally.add_program({
            'name': f'{label} {way}', 'stdout': run.stdout,
            'stderr': run.stderr, 'returncode': run.returncode,
            'result': {0: 'OK', 77: 'SKIP'}.get(run.returncode, 'FAIL')})
    return tally


def run_all(sources, installed, helpers):
    """Run many at a time: they wait more than they compute."""
    total = Tally()
    flags = {package: installed.flags(package)
             for package in ['bide', 'bide-test']}
    with tempfile.TemporaryDirectory() as scratch:
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
            for tally in threads.map(
                    lambda source: run_one(source, flags, installed, helpers,
                                           pathlib.Path(scratch)), sources):
                total.add(tally)
    return total
