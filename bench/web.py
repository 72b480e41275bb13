#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure a typed endpoint: path, query and body parameters, JSON both ways.

    bench/web.py                 5 rounds of 3 s
    bench/web.py --quick         1 round of 1 s: to see that it runs

The figure is the server's processor time for a request, in microseconds; 64
connections are kept. "bare" is a handler of bide-http that reads the body and
replies the same text: what the endpoint costs on top of it is ours. Ends with
1 if a bound was missed.
"""
import argparse
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / 'http')]

from harness import build  # noqa: E402
import load  # noqa: E402

COST_MAX = 7.5   # microseconds of a request
TIMES_BARE = 1.25
TIMES_GO = 1.8
TIMES_FASTAPI = 7


def commands(programs):
    """Command lines by name, or why there is none."""
    found = {}
    for name, make in {
            'bide': lambda: programs.command('bide:web') + ['{port}'],
            'bare': lambda: programs.command('bide:web') + ['{port}', 'bare'],
            'Go': lambda: programs.command('go:items') + ['{port}'],
            'FastAPI': fastapi}.items():
        try:
            found[name] = make()
        except build.Missing as missing:
            print(f'{name}: left out, {missing}')
    return found


def fastapi():
    for module in ('fastapi', 'uvicorn', 'uvloop'):
        if not build.find_python(module):
            raise build.Missing(f'no Python has {module}')
    return [build.find_python('fastapi'),
            str(HERE / 'peers' / 'py_items.py'), '{port}']


def await_port(port, process):
    import socket
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(('127.0.0.1', port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError('the server does not listen')


def measure(command, seconds):
    """Microseconds of the server's processor time, and requests a second."""
    port = load.free_port()
    server = subprocess.Popen(
        ['taskset', '-c', '0'] + [part.format(port=port) for part in command],
        env={'PATH': '/usr/bin:/bin', 'GOMAXPROCS': '1'})
    try:
        await_port(port, server)
        wrk = ['taskset', '-c', '1', 'wrk', '-t1', '-c64', '-s',
               str(HERE / 'web.lua'),
               f'http://127.0.0.1:{port}/shops/7/items?dry=false']
        subprocess.run(wrk + ['-d1s'], capture_output=True, check=True)
        before = load.cpu_seconds(server.pid)
        text = subprocess.run(wrk + [f'-d{seconds}s'], capture_output=True,
                              text=True, check=True).stdout
        spent = load.cpu_seconds(server.pid) - before
    finally:
        server.terminate()
        server.wait()
    if 'Non-2xx' in text:
        raise RuntimeError('the server has refused requests')
    count = int(re.search(r'(\d+) requests in', text)[1])
    rate = float(re.search(r'Requests/sec: *([\d.]+)', text)[1])
    return 1e6 * spent / count, rate


def judge(cost):
    """The claims that can be judged, and whether they hold."""
    yield f'below {COST_MAX} us', cost['bide'] < COST_MAX
    yield (f'at most {TIMES_BARE} x bare: {cost["bide"] / cost["bare"]:.2f}',
           cost['bide'] <= TIMES_BARE * cost['bare'])
    for name, times in (('Go', TIMES_GO), ('FastAPI', TIMES_FASTAPI)):
        if name in cost:
            ratio = cost[name] / cost['bide']
            yield f'{name} costs {ratio:.1f} x, at least {times}', ratio >= times


def main():
    parser = argparse.ArgumentParser(description='Measure a typed endpoint.')
    parser.add_argument('--quick', action='store_true',
                        help='1 round of 1 s: figures not to be quoted')
    parser.add_argument('--build-dir', type=pathlib.Path,
                        default=HERE.parent / 'build' / 'benchmarks')
    options = parser.parse_args()
    options.python = options.uvloop_python = None
    if not shutil.which('wrk'):
        sys.exit('bench/web.py: wrk is not installed')
    programs = build.Programs(HERE.parent, options.build_dir.resolve(),
                              options)
    found = commands(programs)
    samples = {name: [] for name in found}
    for turn in range(1 if options.quick else 5):
        names = list(found)
        for name in names[turn % len(names):] + names[:turn % len(names)]:
            samples[name].append(measure(found[name],
                                         1 if options.quick else 3))
    cost = {}
    print(f'{"server":10}{"us a request":>14}{"requests/s":>14}')
    for name, rounds in samples.items():
        cost[name] = statistics.median(one for one, _ in rounds)
        rate = statistics.median(one for _, one in rounds)
        print(f'{name:10}{cost[name]:14.2f}{rate:14,.0f}')
    verdicts = list(judge(cost))
    for what, holds in verdicts:
        print(f'{"held" if holds else "MISSED"}: {what}')
    return 0 if all(holds for _, holds in verdicts) else 1


if __name__ == '__main__':
    sys.exit(main())
