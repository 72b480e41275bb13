# SPDX-License-Identifier: MIT
"""Loads: each starts a server, asks it, and returns its figure and the
requests a second.

The figure is the processor time of the server, all its threads and children,
over the number of replies: the kernel's own count in nanoseconds
(/proc/PID/task/*/schedstat). The server has the first processor, the load the
last one.
"""
import contextlib
import pathlib
import re
import signal
import socket
import subprocess
import time

from harness import measure
from harness.build import Missing

import servers

CONNECTIONS = 64
IDLE = 5000
START_SECONDS_MAX = 20


class Bench:
    """What all loads need."""

    def __init__(self, programs, site, seconds, quick):
        self.programs, self.site = programs, site
        self.seconds, self.quick = seconds, quick


# ── Servers ─────────────────────────────────────────────────────────────

def free_port():
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


def family(pid):
    """A process and its children."""
    found = [pid]
    for path in pathlib.Path(f'/proc/{pid}/task').glob('*/children'):
        with contextlib.suppress(OSError):
            for child in path.read_text().split():
                found += family(int(child))
    return found


def cpu_seconds(pid):
    total = 0
    for one in family(pid):
        for path in pathlib.Path(f'/proc/{one}/task').glob('*/schedstat'):
            with contextlib.suppress(OSError):
                total += int(path.read_text().split()[0])
    return total / 1e9


def memory_bytes(pid):
    """Resident memory and page tables."""
    total = 0
    for one in family(pid):
        text = pathlib.Path(f'/proc/{one}/status').read_text()
        for name in 'VmRSS', 'VmPTE':
            total += int(re.search(rf'{name}:\s+(\d+)', text)[1]) * 1024
    return total


def await_port(process, port):
    end = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < end:
        if process.poll() is not None:
            words = process.stderr.read().strip().split('\n')[-1]
            raise measure.Failed(f'ended with {process.returncode}: {words}')
        with contextlib.suppress(OSError), \
                socket.create_connection(('127.0.0.1', port), 1):
            return
        time.sleep(0.02)
    raise measure.Failed(f'does not listen after {START_SECONDS_MAX} s')


@contextlib.contextmanager
def serving(bench, name, line, workers=1):
    """The server's process and its port."""
    port = free_port()
    argv = servers.command(name, bench.programs, bench.site, port, line.tls,
                           line.h2, workers)
    allowed = measure.processors()[:workers]
    process = measure.start(argv, servers.environment(name), *allowed)
    try:
        await_port(process, port)
        yield process, port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def run(argv, env=None):
    """A client, on its processor; returns what it printed."""
    process = measure.start([str(part) for part in argv], env or {},
                            measure.processors()[1])
    try:
        out, err = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise measure.Failed(f'{argv[0]} does not end') from None
    if process.returncode != 0:
        raise measure.Failed(f'{argv[0]}: {err.strip().split(chr(10))[-1]}')
    return out


def per_request(process, ask):
    """ask(seconds) returns how many replies came; once to warm up."""
    ask(1)
    before = cpu_seconds(process.pid)
    begin = time.monotonic()
    count = ask(None)
    used = cpu_seconds(process.pid) - before
    elapsed = time.monotonic() - begin
    if count == 0:
        raise measure.Failed('there was no reply')
    return used * 1e6 / count, count / elapsed


def url(line, port, path):
    return f'{"https" if line.tls else "http"}://127.0.0.1:{port}{path}'


# ── Loads ───────────────────────────────────────────────────────────────

def ask_by_wrk(bench, target, seconds, script=None, headers=()):
    argv = [servers.installed('wrk'), '-t1', f'-c{CONNECTIONS}',
            f'-d{seconds or bench.seconds}s']
    if script:
        argv += ['-s', servers.HERE / script]
    for header in headers:
        argv += ['-H', header]
    out = run([*argv, target])
    wrong = re.search(r'Non-2xx or 3xx responses: (\d+)', out)
    if wrong:
        raise measure.Failed(f'{wrong[1]} replies were errors')
    return int(re.search(r'(\d+) requests in', out)[1])


def wrk(bench, name, line, path, script=None, headers=()):
    with serving(bench, name, line) as (process, port):
        target = url(line, port, path)
        return per_request(process, lambda seconds: ask_by_wrk(
            bench, target, seconds, script, headers))


def h2load(bench, name, line, path):
    with serving(bench, name, line) as (process, port):
        def ask(seconds):
            out = run([servers.installed('h2load'), '-c8', '-m32', '-t1',
                       '-D', seconds or bench.seconds,
                       url(line, port, path)])
            found = re.search(r'(\d+) succeeded, (\d+) failed', out)
            if 'Application protocol: h2' not in out or int(found[2]):
                raise measure.Failed('it does not speak HTTP/2 well')
            return int(found[1])
        return per_request(process, ask)


def websocket(bench, name, line, depth):
    client = bench.programs.command('c:ws_load')
    with serving(bench, name, line) as (process, port):
        def ask(seconds):
            out = run([*client, port, '/ws', CONNECTIONS, depth,
                       seconds or bench.seconds])
            return int(measure.figures(out)['requests'])
        return per_request(process, ask)


def idle(bench, name, line, path):
    """Connections that have had one reply each."""
    count = IDLE // 10 if bench.quick else IDLE
    request = f'GET {path} HTTP/1.1\r\nHost: x\r\n\r\n'.encode()
    with serving(bench, name, line) as (process, port):
        before = None
        kept = []
        try:
            for i in range(count + 100):
                if i == 100:  # what it needs once is there by now
                    time.sleep(0.2)
                    before = memory_bytes(process.pid)
                one = socket.create_connection(('127.0.0.1', port), 5)
                kept.append(one)
                one.sendall(request)
                if b'200' not in one.recv(4096):
                    raise measure.Failed('a reply is no 200')
            time.sleep(3)  # idle is who has waited for a while
            return (memory_bytes(process.pid) - before) / count / 1024, count
        finally:
            for one in kept:
                one.close()


def client(bench, name, line, path):
    """The client is what is measured; the server is nginx."""
    seconds = bench.seconds
    commands = {
        'bide': lambda: bench.programs.command('bide:client'),
        'Go': lambda: [*bench.programs.command('go:nethttp'), 'get'],
        'aiohttp': lambda: [*bench.programs.command('asyncio:aiohttp_http'),
                            'get'],
    }
    command = commands[name.split(' ')[0]]()
    with serving(bench, 'nginx', line) as (_, port):
        out = run([*command, url(line, port, path), CONNECTIONS, seconds],
                  servers.environment(name))
        found = measure.figures(out)
        return found['us'], found['requests'] / seconds


def workers(bench, name, line, path):
    """How much more two workers can do, had they processors of their own:
    the client takes a part of the second one."""
    figures = []
    for count in 1, 2:
        with serving(bench, name, line, count) as (process, port):
            target = url(line, port, path)
            figures.append(per_request(process, lambda seconds: ask_by_wrk(
                bench, target, seconds))[0])
    return 2 * figures[0] / figures[1], 0


def figure(bench, name, line):
    """The figure of a server in a line; Missing or Failed says why not."""
    if line.load not in ('wrk', 'h2load', 'websocket', 'idle', 'client',
                         'workers'):
        raise Missing(f'there is no load {line.load}')
    return globals()[line.load](bench, name, line, **line.arguments)
