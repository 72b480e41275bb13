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

from tally import Tally

COMPARE = pathlib.Path(__file__).resolve().parents[1].joinpath(
    'tests', 'tools', 'compare.py')
WARNINGS = ['-std=gnu11', '-Wall', '-Wextra', '-Werror']


def pkg_config(prefix, package, check=True):
    """How to compile with a package; None if it is not there."""
    env = dict(os.environ, PKG_CONFIG_PATH=str(prefix / 'lib' / 'pkgconfig'))
    run = subprocess.run(
        ['pkg-config', '--cflags', '--libs', package], env=env, check=check,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return run.stdout.split() if run.returncode == 0 else None


def package_of(source):
    """What a program is to be linked with."""
    return 'bide-test' if '<bide/test.h>' in source.read_text() else 'bide'


def other_package_of(source):
    """Another library that a program shows bide beside, or None."""
    found = re.search(r'Needs ([a-z0-9.+-]+?)\.\s', source.read_text())
    return found.group(1) if found else None


def run_one(source, flags, prefix, helpers, scratch):
    """Compile a program and run it in each way."""
    tally = Tally()
    label = f'{source.parent.name}/{source.name}'
    other = other_package_of(source)
    others = pkg_config(prefix, other, check=False) if other else []
    if others is None:
        tally.add_program({'name': f'{label} needs {other}', 'stdout': '',
                           'stderr': '', 'returncode': 77, 'result': 'SKIP'})
        return tally
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
        env = dict(os.environ, LD_LIBRARY_PATH=str(prefix / 'lib'))
        env.pop('BIDE_BACKEND', None)
        if backend:
            env['BIDE_BACKEND'] = backend
        run = subprocess.run(
            [sys.executable, COMPARE, source.with_suffix('.out'), *wrapper,
             program], env=env, capture_output=True, text=True)
        tally.add_program({
            'name': f'{label} {way}', 'stdout': run.stdout,
            'stderr': run.stderr, 'returncode': run.returncode,
            'result': {0: 'OK', 77: 'SKIP'}.get(run.returncode, 'FAIL')})
    return tally


def run_all(sources, prefix, helpers):
    """Run many at a time: they wait more than they compute."""
    total = Tally()
    flags = {package: pkg_config(prefix, package)
             for package in ['bide', 'bide-test']}
    with tempfile.TemporaryDirectory() as scratch:
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
            for tally in threads.map(
                    lambda source: run_one(source, flags, prefix, helpers,
                                           pathlib.Path(scratch)), sources):
                total.add(tally)
    return total
