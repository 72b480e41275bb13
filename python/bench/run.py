#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How fast programs of asyncio run: asyncio's loop, uvloop's and bide's.

    run.py [--quick] [-r ROUNDS] [CASE ...]

Every case runs in a process of its own for each loop, the loops in turn, so
that what slows the machine down slows all alike; a figure is the median of
the rounds. asyncio and uvloop run both as they are and with the memory
allocator primed (one large block is freed first, without which asyncio's
receive buffers are mapped and unmapped for each message), and the better
figure counts; bide runs as it is, and accelerated where the claim says so.
uvloop is the newest that pip finds, or else the one that is installed. A line
ends with what the claim asks for, and "below" where that is missed. The exit
status is 1 when any was.
"""
import argparse
import asyncio
import inspect
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import cases
import programs

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Name; accelerated; the peers whose better figure counts; how many times it.
BOTH, UVLOOP = ('asyncio', 'uvloop'), ('uvloop',)
CLAIMS = [
    ('echo_protocol', False, UVLOOP, 1.12),
    ('echo_protocol', False, ('in_c',), 0.92),
    ('echo_streams', True, UVLOOP, 1.3),
    ('echo_streams_100k', True, BOTH, 1.5),
    ('echo_sock', False, BOTH, 2),
    ('echo_tls_protocol', False, UVLOOP, 1.2),
    ('echo_tls_streams', True, UVLOOP, 1.2),
    ('call_soon_chain', False, UVLOOP, 1.2),
    ('sleep_zero', False, UVLOOP, 1.2),
    ('call_later', False, UVLOOP, 1.2),
    ('create_task', True, UVLOOP, 1.2),
    ('gather', True, UVLOOP, 2),
    ('task_group', True, UVLOOP, 1.5),
    ('queue_ping_pong', True, UVLOOP, 2),
    ('lock_contended', True, UVLOOP, 2),
    ('semaphore_contended', True, UVLOOP, 2),
    ('event_ping_pong', True, UVLOOP, 2),
    ('executor', False, BOTH, 1),
    ('getaddrinfo', False, BOTH, 1),
    ('connect_close', False, BOTH, 1),
    ('subprocesses', False, BOTH, 1),
    ('uvicorn_bare', False, UVLOOP, 1.1),
    ('fastapi_uvicorn', False, UVLOOP, 1),
    ('aiohttp_server', False, UVLOOP, 1.1),
    ('aiohttp_client', False, UVLOOP, 1.1),
]
# Small is good: at most so many times asyncio's, or at most so much.
SIZES = [('task_memory', 'asyncio', 1.0), ('import_time', None, 10.0)]


def find(name):
    return getattr(cases, name, None) or getattr(programs, name)


# ── One figure, in a process of its own ──────────────────────────────────

def accelerate(module):
    """Put the classes in C in place of asyncio's, where there are any."""
    if 'accelerate' in inspect.signature(module.install).parameters:
        module.install(accelerate=True)


def measure(loop_name, name, primed):
    if primed:
        block = bytearray(16 << 20)
        del block
    if loop_name == 'asyncio':
        loop = asyncio.new_event_loop()
    else:
        module = __import__(loop_name.removesuffix('+'))
        if loop_name == 'bide+':
            accelerate(module)
        loop = module.new_event_loop()
    asyncio.set_event_loop(loop)
    print(find(name)(loop), flush=True)
    os._exit(0)


def figure_of(loop_name, name, primed):
    command = [sys.executable, __file__, '--measure', loop_name, name]
    run = subprocess.run(command + ['--primed'] * primed, text=True,
                         stdout=subprocess.PIPE, timeout=300)
    if run.returncode:
        raise RuntimeError(f'{name} on {loop_name} failed')
    return float(run.stdout.split()[-1])


# ── What they need ───────────────────────────────────────────────────────

def prepare(directory):
    """Compile the programs in C, make a certificate; set the environment."""
    for variable, source, libraries in [
            ('ECHO_CLIENT', 'bench/echo_client.c', []),
            ('ECHO_SERVER', 'bench/peers/hand_epoll_echo.c', []),
            ('TLS_CLIENT', 'python/bench/tls_client.c',
             ['-lssl', '-lcrypto'])]:
        path = os.path.join(directory, variable.lower())
        subprocess.run(
            [os.environ.get('CC', 'cc'), '-O2', '-D_GNU_SOURCE',
             f'-I{ROOT}/include', ROOT / source, '-o', path, *libraries],
            check=True)
        os.environ[variable] = path
    for variable in 'CERTIFICATE', 'KEY':
        os.environ[variable] = os.path.join(directory, variable.lower())
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
         'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj',
         '/CN=localhost', '-out', os.environ['CERTIFICATE'],
         '-keyout', os.environ['KEY']], check=True,
        stderr=subprocess.DEVNULL)


def build():
    """Build the package and fetch uvloop, below build/; put both first on the
    path of the processes that measure."""
    directory = ROOT / 'build' / 'python-bench'
    subprocess.run(
        [sys.executable, 'setup.py', '-q', 'build', '--build-base', directory,
         '--build-lib', directory / 'lib'], cwd=ROOT, check=True,
        stderr=subprocess.DEVNULL)
    subprocess.run(
        [sys.executable, '-m', 'pip', 'install', '-q', '--upgrade',
         '--target', directory / 'uvloop', 'uvloop'], check=False,
        stderr=subprocess.DEVNULL)
    paths = [directory / 'lib', directory / 'uvloop']
    os.environ['PYTHONPATH'] = os.pathsep.join(map(str, paths))


def loop_names():
    code = 'import uvloop; print(uvloop.__version__)'
    found = subprocess.run([sys.executable, '-c', code], text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    names = ['asyncio', 'uvloop'] if found.returncode == 0 else ['asyncio']
    print(f'Python {sys.version.split()[0]}, '
          f'uvloop {found.stdout.strip() or "is not here"}')
    return names


# ── The table ────────────────────────────────────────────────────────────

class Bench:
    """Figures of cases, each measured once."""

    def __init__(self, rounds, peers, quick):
        self.rounds = rounds
        self.peers = peers
        self.primings = [True] if quick else [False, True]
        self.known = {}

    def figures(self, name, accelerated):
        """By loop: the better of cold and primed, of peers."""
        if (name, accelerated) in self.known:
            return self.known[name, accelerated]
        runs = [(peer, primed) for peer in self.peers
                for primed in self.primings]
        runs.append(('bide+' if accelerated else 'bide', False))
        results = {run: [] for run in runs}
        for _ in range(self.rounds):
            for run in runs:
                results[run].append(figure_of(run[0], name, run[1]))
        found = {}
        for (loop_name, _), figures in results.items():
            key = loop_name.removesuffix('+')
            found[key] = max(found.get(key, 0), statistics.median(figures))
        self.known[name, accelerated] = found
        return found

    def claim(self, name, accelerated, against, bound):
        """Print the line of a claim; return whether it holds."""
        found = dict(self.figures(name, accelerated))
        if against == ('in_c',):
            found['in_c'] = statistics.median(
                figure_of('asyncio', 'echo_in_c', False)
                for _ in range(self.rounds))
        rivals = [found[key] for key in against if key in found]
        shown = ''.join(f'{found[key]:>12,.0f}' if key in found
                        else f'{"-":>12}'
                        for key in ('asyncio', 'uvloop', 'in_c', 'bide'))
        ratio = found['bide'] / max(rivals) if rivals else None
        print(f'{name + "+" * accelerated:22}{shown}'
              f'{ratio:>8.2f} x, asked {bound} x of {" and ".join(against)}'
              f'{"" if ratio >= bound else ", below"}'
              if rivals else f'{name:22}{shown}', flush=True)
        return ratio is None or ratio >= bound

    def size(self, name, against, bound):
        """The same where small is good."""
        own = statistics.median(figure_of('bide', name, False)
                                for _ in range(self.rounds))
        limit = bound
        if against:
            limit *= statistics.median(figure_of(against, name, False)
                                       for _ in range(self.rounds))
        print(f'{name:22}{own:12,.1f}, asked at most {limit:,.1f}'
              f'{"" if own <= limit else ", above"}', flush=True)
        return own <= limit


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('cases', nargs='*')
    parser.add_argument('-r', dest='rounds', type=int, default=5)
    parser.add_argument('--quick', action='store_true',
                        help='one short round, peers primed only')
    parser.add_argument('--no-build', action='store_true',
                        help='measure what PYTHONPATH has')
    parser.add_argument('--measure')
    parser.add_argument('--primed', action='store_true')
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.cases[0], options.primed)
    if options.quick:
        os.environ['BENCH_MEASURED_MS'] = '500'
    if not options.no_build:
        build()
    wanted = set(options.cases)
    with tempfile.TemporaryDirectory() as directory:
        prepare(directory)
        bench = Bench(1 if options.quick else options.rounds, loop_names(),
                      options.quick)
        print(f'{"":22}' + ''.join(f'{key:>12}' for key in (
            'asyncio', 'uvloop', 'in C', 'bide')))
        good = True
        for claim in CLAIMS:
            if claim[0] in vars(programs) and not shutil.which('wrk'):
                continue
            if not wanted or claim[0] in wanted:
                good &= bench.claim(*claim)
        for size in SIZES:
            if not wanted or size[0] in wanted:
                good &= bench.size(*size)
    sys.exit(not good)


if __name__ == '__main__':
    main()
