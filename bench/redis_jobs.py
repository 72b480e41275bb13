#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure Redis' GET and jobs, against redis-benchmark and arq, here.

    bench/redis_jobs.py                  both, 5 rounds
    bench/redis_jobs.py --only jobs      those whose titles contain this
    bench/redis_jobs.py --rounds 3 --quick

A redis-server on a Unix socket is started for the run, without files. arq is
used if --python or the usual one has it; else it is installed by pip into
an environment of its own in the build directory. Rounds, medians and ratios
are those of bench/databases.py. Ends with 1 if a bound was missed.
"""
import argparse
import contextlib
import csv
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import databases
from harness import build

ROOT = databases.ROOT
ARQ = 'arq==0.28.0'
INSTALL_SECONDS_MAX = 180


@contextlib.contextmanager
def redis_server():
    """The path of its socket."""
    with tempfile.TemporaryDirectory(prefix='bide-redis-') as directory:
        path = pathlib.Path(directory) / 'socket'
        process = subprocess.Popen(
            ['redis-server', '--port', '0', '--unixsocket', path, '--save',
             '', '--dir', directory], stdout=subprocess.DEVNULL)
        try:
            for _ in range(500):
                if path.exists() or process.poll() is not None:
                    break
                time.sleep(0.02)
            yield path
        finally:
            process.terminate()
            process.wait()


def python_with_arq(options):
    """An interpreter that has it."""
    found = options.python or build.find_python('arq')
    if found:
        return found
    place = options.build_dir / 'arq'
    python = place / 'bin' / 'python'
    if python.exists() and build.output_of([python, '-c', 'import arq']) \
            is not None:
        return str(python)
    for command in ([sys.executable, '-m', 'venv', '--clear', place],
                    [python, '-m', 'pip', 'install', '-q', ARQ]):
        try:
            subprocess.run(command, check=True, capture_output=True,
                           text=True, timeout=INSTALL_SECONDS_MAX)
        except (OSError, subprocess.SubprocessError) as reason:
            said = getattr(reason, 'stderr', None) or str(reason)
            raise build.Missing('arq cannot be installed: '
                                + said.strip().splitlines()[-1]) from None
    return str(python)


class Runner(databases.Runner):
    """Also runs redis-benchmark and arq."""

    def command(self, program):
        if program == 'redis-benchmark':
            return [program]
        if program == 'arq':
            return [python_with_arq(self.options),
                    str(ROOT / 'bench' / 'peers' / 'py_arq.py')]
        return super().command(program)

    def rate(self, program, args):
        try:
            command = self.command(program) + [str(one) for one in args]
        except build.Missing as missing:
            return None, str(missing)
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=300)
        if done.returncode != 0:
            return None, (done.stderr.strip() or 'it failed').splitlines()[-1]
        if program == 'redis-benchmark':
            rows = csv.DictReader(done.stdout.splitlines())
            return float(next(rows)['rps']), None
        pairs = dict(one.split('=') for one in done.stdout.split())
        return float(pairs['per_second']), None


def get_case(path, scale):
    count = 2000000 // scale
    return databases.Case(
        'Redis, 100 tasks on one connection: GET',
        {'bide': ('bide:redis', ('get', f'unix://{path}', count, 100)),
         'redis-benchmark -P 16': (
             'redis-benchmark', ('-s', path, '-t', 'get', '-n', count, '-P',
                                 16, '--csv')),
         'redis-benchmark': (
             'redis-benchmark', ('-s', path, '-t', 'get', '-n', count // 10,
                                 '--csv'))},
        (('redis-benchmark -P 16', 0.7),))


def jobs_case(path, scale):
    return databases.Case(
        'jobs in Redis, from being put in to being done by 2 workers',
        {'bide': ('bide:redis', ('jobs', f'unix://{path}', 100000 // scale)),
         'arq, 2 processes': (
             'arq', (f'unix://{path}', 10000 // scale))},
        (('arq, 2 processes', 10),))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--only', metavar='TEXT')
    parser.add_argument('--rounds', type=int, metavar='N',
                        help='of each case (5, quick: 1)')
    parser.add_argument('--quick', action='store_true',
                        help='a tenth of the work: figures not to be quoted')
    parser.add_argument('--build-dir', type=pathlib.Path, metavar='DIR',
                        default=ROOT / 'build' / 'benchmarks')
    parser.add_argument('--python', metavar='PATH',
                        help='an interpreter with arq')
    options = parser.parse_args()
    options.build_dir = options.build_dir.resolve()
    options.uvloop_python = options.python
    options.rounds = options.rounds or (1 if options.quick else 5)
    for tool in 'redis-server', 'redis-benchmark':
        if not shutil.which(tool):
            print(f'left out: Redis: {tool} is not installed')
            return 0
    runner = Runner(options)
    scale = 10 if options.quick else 1
    for name, value in build.machine(ROOT, runner.programs).items():
        print(f'{name + ":":14} {value}')
    with redis_server() as path:
        return 1 if databases.run(
            runner, [get_case(path, scale), jobs_case(path, scale)],
            options) else 0


if __name__ == '__main__':
    sys.exit(main())
