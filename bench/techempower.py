#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure TechEmpower's tests of databases: db, queries, updates, fortunes.

    bench/techempower.py                5 rounds of 3 s
    bench/techempower.py --only db      one of the tests
    bench/techempower.py --quick        1 round of 1 s: to see that it runs

The servers are examples/techempower and the same in Go and in Python, one
after the other on the first processor; wrk keeps 64 connections from the last
one. PostgreSQL is started by tests/postgres/server.py and has all processors.
A figure is the median of the rounds: requests a second, and the processor time
of one, the server's and PostgreSQL's. Ends with 1 if bide is not ahead in
requests a second.
"""
import argparse
import dataclasses
import os
import pathlib
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(HERE / 'http'), str(ROOT / 'tests/postgres')]

from harness import build, measure, report  # noqa: E402
import load  # noqa: E402
import server as postgres  # noqa: E402

TESTS = {'db': '/db', 'queries=20': '/queries?queries=20',
         'updates=20': '/updates?queries=20', 'fortunes': '/fortunes'}
BATCH = 'Go, one Sync'  # for comparison: other work for the server


class Programs(build.Programs):
    """Those of bench/, and the servers that are no single file of it."""

    def make_bide(self, kind, name):
        if name != 'techempower':
            return super().make_bide(kind, name)
        super().make_bide(kind, 'postgres')  # sets the directory up
        program = f'examples/{name}/{name}'
        self.run(['ninja', '-C', self.library_dir, program])
        return [str(self.library_dir / program)]

    def make_go(self, kind, name):
        """A module: what it needs is fetched, unless it is there."""
        source = self.peers / name
        if not source.is_dir():
            return super().make_go(kind, name)
        if not self.go:
            raise build.Missing('go is not installed')
        binary = self.dir / f'{name}_go'
        self.run([self.go, 'build', '-C', source, '-o', binary, '.'])
        return [str(binary)]


def python_server():
    for module in 'fastapi', 'uvicorn', 'uvloop', 'httptools', 'asyncpg':
        if not build.find_python(module):
            raise build.Missing(f'no Python has {module}')
    return [build.find_python('asyncpg'),
            str(HERE / 'peers' / 'py_techempower.py')]


def commands(programs, url):
    """(command line without the port, environment) by name, and gaps."""
    makers = {
        'bide': lambda: (programs.command('bide:techempower'), []),
        'Go': lambda: (programs.command('go:techempower'), [url]),
        BATCH: lambda: (programs.command('go:techempower'), [url, 'batch']),
        'FastAPI': lambda: (python_server(), [url]),
    }
    found, gaps = {}, {}
    for name, make in makers.items():
        try:
            found[name] = make()
        except build.Missing as missing:
            gaps[name] = str(missing)
    return found, gaps


@dataclasses.dataclass
class Database:
    url: str
    pid: int  # of the process whose children serve connections

    def cpu_seconds(self):
        """Also of connections that have ended: a server that gives up
        statements when clients leave closes theirs after each load."""
        path = pathlib.Path(f'/proc/{self.pid}/stat')
        ended = path.read_text().rsplit(')', 1)[1].split()[13:15]
        return load.cpu_seconds(self.pid) + sum(map(int, ended)) / os.sysconf(
            'SC_CLK_TCK')


def figure(command, database, path, seconds):
    """Of a request: processor time of the server, and of PostgreSQL, in
    microseconds; and requests a second."""
    argv, behind = command
    port = load.free_port()
    words = [*argv, str(port), *behind] if behind else argv
    bench = argparse.Namespace(seconds=seconds)
    theirs = 0

    def ask(part):
        nonlocal theirs
        before = database.cpu_seconds()
        count = load.ask_by_wrk(bench, f'http://127.0.0.1:{port}{path}', part)
        theirs = database.cpu_seconds() - before
        theirs *= 1e6 / max(count, 1)
        return count

    process = measure.start(
        words, {'PORT': str(port), 'DATABASE_URL': database.url},
        measure.processors()[0])
    try:
        load.await_port(process, port)
        own, rate = load.per_request(process, ask)
        return own, theirs, rate
    finally:
        process.terminate()
        process.communicate()


def takes_part(name, path):
    """A batch differs from a pipeline where there are many statements."""
    return name != BATCH or 'queries' in path


def run_test(found, database, path, options):
    names = [name for name in found if takes_part(name, path)]
    samples = {name: [] for name in names}
    gaps = {}
    for turn in range(options.rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            if name in gaps:
                continue
            try:
                samples[name].append(
                    figure(found[name], database, path, options.seconds))
            except measure.Failed as reason:
                gaps[name] = str(reason)
    return {name: some for name, some in samples.items()
            if name not in gaps}, gaps


def print_test(title, samples, gaps):
    """A table; returns how often bide is not ahead."""
    print(f'\nTechEmpower {title}: requests, time of the server + PostgreSQL')
    for name, reason in gaps.items():
        print(f'   left out: {name}: {reason}')
    if 'bide' not in samples:
        return 1
    behind = 0
    ours = samples['bide']
    for name, some in samples.items():
        rates = [rate for _, _, rate in some]
        middle = statistics.median(rates)
        ratio = statistics.median(
            one[2] / other[2] for one, other in zip(ours, some))
        missed = ratio < 1 and name != BATCH
        behind += missed
        print(f'   {name:12} {middle:10,.0f} /s   '
              f'spread {(max(rates) - min(rates)) / middle:4.0%}   '
              f'{statistics.median(one[0] for one in some):7.1f} us'
              f' + {statistics.median(one[1] for one in some):7.1f} us'
              f'   bide has {ratio:5.2f} x'
              f'{"  MISSED: not ahead" if missed else ""}')
    sys.stdout.flush()
    return behind


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--only', metavar='TEXT')
    parser.add_argument('--rounds', type=int, metavar='N')
    parser.add_argument('--seconds', type=int, metavar='N')
    parser.add_argument('--quick', action='store_true',
                        help='1 round of 1 s: figures not to be quoted')
    parser.add_argument('--build-dir', type=pathlib.Path, metavar='DIR',
                        default=ROOT / 'build' / 'benchmarks')
    options = parser.parse_args()
    options.build_dir = options.build_dir.resolve()
    options.python = options.uvloop_python = None
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.seconds = options.seconds or (1 if options.quick else 3)
    return options


def main():
    options = arguments()
    if not build.shutil.which('wrk') or postgres.programs() is None:
        print('left out: TechEmpower: wrk and PostgreSQL are needed')
        return 0
    programs = Programs(ROOT, options.build_dir, options)
    report.print_machine(build.machine(ROOT, programs))
    behind = 0
    with postgres.Server() as running:
        schema = ROOT / 'examples' / 'techempower' / 'schema.sql'
        running.run(running.bin / 'psql', '-q', '-f', schema, running.url)
        pid = (running.directory / 'data' / 'postmaster.pid').read_text()
        database = Database(running.url, int(pid.split()[0]))
        found, gaps = commands(programs, running.url)
        for title, path in TESTS.items():
            if options.only and options.only not in title:
                continue
            samples, failed = run_test(found, database, path, options)
            behind += print_test(title, samples, {
                name: why for name, why in (gaps | failed).items()
                if takes_part(name, path)})
    return 1 if behind else 0


if __name__ == '__main__':
    sys.exit(main())
