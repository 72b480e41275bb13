#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure what bide claims about databases, against its peers, here.

    bench/databases.py                  all cases, 5 rounds
    bench/databases.py --only select    those whose titles contain this
    bench/databases.py --rounds 3 --quick

In each round every contender of a case runs once, in an order that moves on by
one. A figure is the median of the rounds, a ratio the median of the rounds'
ratios. PostgreSQL's server is started for the run by tests/postgres/server.py
and runs on the same processors as the programs. Ends with 1 if a bound was
missed. Peers in Python need asyncpg and aiosqlite, in --python or the
environment of this script.
"""
import argparse
import dataclasses
import pathlib
import statistics
import subprocess
import sys

from harness import build

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'tests' / 'postgres'))
import server  # noqa: E402

TABLE = ('CREATE TABLE bench (id int PRIMARY KEY, name text NOT NULL, n int);'
         "INSERT INTO bench SELECT i, 'name-' || i, i * 7 FROM "
         'generate_series(1, 100000) i')


@dataclasses.dataclass
class Case:
    title: str
    contenders: dict  # name: command
    bounds: tuple     # (peer, how many times its rate bide must reach)


class Runner:
    """Builds programs when they are needed, and runs them."""

    def __init__(self, options):
        self.options = options
        self.programs = build.Programs(ROOT, options.build_dir, options)

    def command(self, program):
        kind, _, name = program.partition(':')
        if kind != 'py':
            return self.programs.command(program)
        python = self.options.python or build.find_python(name)
        if not python:
            raise build.Missing(f'no python3 with {name} was found')
        return [python, str(ROOT / 'bench' / 'peers' / f'py_{name}.py'), name]

    def rate(self, program, args):
        """Statements a second, or None; the reason is printed."""
        try:
            command = self.command(program) + [str(one) for one in args]
        except build.Missing as missing:
            return None, str(missing)
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=300)
        if done.returncode != 0:
            return None, (done.stderr.strip() or 'it failed').splitlines()[-1]
        pairs = dict(one.split('=') for one in done.stdout.split())
        return float(pairs['rate']), None


def sqlite_case(what, directory, scale):
    many = [what, directory, 200000 // scale]
    bound = 0.8 if what == 'select' else 1.0
    return Case(
        f'SQLite, WAL, 64 tasks: {what}',
        {'bide': ('bide:sqlite', (*many, 64)),
         'direct, 1 thread': ('pkg:sqlite3/direct_sqlite', many),
         'aiosqlite': ('py:aiosqlite', (what, directory, 20000 // scale, 64))},
        (('direct, 1 thread', bound),))


def postgres_cases(url, scale):
    yield Case(
        'PostgreSQL, 100 tasks on 10 connections: one row by key',
        {'bide': ('bide:postgres', (url, 500000 // scale, 100, 10)),
         'libpq pipeline by hand': (
             'pkg:libpq/libpq_pipeline', (url, 500000 // scale, 10, 10)),
         'the same, a Sync each': (
             'pkg:libpq/libpq_pipeline', (url, 500000 // scale, 10, 10, 1)),
         'asyncpg on uvloop': ('py:asyncpg', (url, 100000 // scale, 100, 10))},
        (('libpq pipeline by hand', 0.9), ('asyncpg on uvloop', 2.5)))
    yield Case(
        'PostgreSQL, 10 tasks on 10 connections: one row by key',
        {'bide': ('bide:postgres', (url, 200000 // scale, 10, 10)),
         'libpq by hand, depth 1': (
             'pkg:libpq/libpq_serial', (url, 200000 // scale, 10)),
         'asyncpg on uvloop': ('py:asyncpg', (url, 100000 // scale, 10, 10))},
        (('libpq by hand, depth 1', 0.9),))


def measure(runner, case, rounds):
    rates = {name: [] for name in case.contenders}
    gaps = {}
    names = list(case.contenders)
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            rate = None
            if name not in gaps:
                rate, why = runner.rate(*case.contenders[name])
                if rate is None:
                    gaps[name] = why
            rates[name].append(rate)
    return rates, gaps


def report(case, rates, gaps):
    """Print a table; returns how many bounds were missed."""
    print(f'\n{case.title}')
    for name, values in rates.items():
        if name in gaps:
            print(f'   left out: {name}: {gaps[name]}')
            continue
        spread = (max(values) - min(values)) / statistics.median(values)
        ratio = statistics.median(
            ours / theirs for ours, theirs in zip(rates['bide'], values))
        print(f'   {name:28} {statistics.median(values):10,.0f} /s   '
              f'spread {spread:4.0%}   bide has {ratio:5.2f} x')
    missed = 0
    for peer, limit in case.bounds:
        if peer in gaps or 'bide' in gaps:
            continue
        ratio = statistics.median(
            ours / theirs for ours, theirs in zip(rates['bide'], rates[peer]))
        missed += ratio < limit
        print(f'   {"holds " if ratio >= limit else "MISSED"}: at least '
              f'{limit} x {peer}')
    sys.stdout.flush()
    return missed


def run(runner, cases, options):
    missed = 0
    for case in cases:
        if options.only and options.only not in case.title:
            continue
        missed += report(case, *measure(runner, case, options.rounds))
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--only', metavar='TEXT')
    parser.add_argument('--rounds', type=int, default=5, metavar='N')
    parser.add_argument('--quick', action='store_true',
                        help='a tenth of the work: figures not to be quoted')
    parser.add_argument('--directory', default='/dev/shm', metavar='DIR',
                        help='where SQLite keeps its files (/dev/shm)')
    parser.add_argument('--build-dir', type=pathlib.Path, metavar='DIR',
                        default=ROOT / 'build' / 'benchmarks')
    parser.add_argument('--python', metavar='PATH',
                        help='an interpreter with asyncpg and aiosqlite')
    options = parser.parse_args()
    options.build_dir = options.build_dir.resolve()
    options.uvloop_python = options.python
    runner = Runner(options)
    scale = 10 if options.quick else 1
    for name, value in build.machine(ROOT, runner.programs).items():
        print(f'{name + ":":14} {value}')
    missed = run(runner, [sqlite_case(what, options.directory, scale)
                          for what in ('select', 'insert')], options)
    if server.programs() is None:
        print('\nleft out: PostgreSQL: there is no server')
        return 1 if missed else 0
    with server.Server() as running:
        running.run(running.bin / 'psql', '-q', '-c', TABLE,
                    '-c', 'VACUUM ANALYZE bench', running.url)
        missed += run(runner, postgres_cases(running.url, scale), options)
    return 1 if missed else 0


if __name__ == '__main__':
    sys.exit(main())
