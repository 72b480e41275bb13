# SPDX-License-Identifier: MIT
"""Start a program, bounded and pinned to a processor, and read its figures.

A program prints lines of name=value pairs. A server prints port=N first and
is measured by echo_client from outside.
"""
import contextlib
import ctypes
import mmap
import os
import resource
import select
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
RUN_SECONDS_MAX = 300
PORT_SECONDS_MAX = 20
LIBC = ctypes.CDLL(None)


class Failed(Exception):
    """A run that gave no figures; the text says why."""


def processors(together=False):
    """Where servers and single programs run, and where clients do."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[0 if together else -1]


def prepare(allowed):
    """In the child: its processors, an end with its parent, and as many
    descriptors as are allowed. (No limit of processor time: it would make
    the kernel count that time by ticks, for the programs' own clocks too.)"""
    def child():
        os.sched_setaffinity(0, allowed)
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return child


def start(argv, env, *allowed):
    return subprocess.Popen(
        argv, env=dict(os.environ, **env), preexec_fn=prepare(allowed),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def figures(text):
    """name=value pairs as a dictionary of numbers."""
    return {name: float(value) for name, value in
            (pair.split('=', 1) for pair in text.split())}


def finish(process, seconds):
    """Wait for the end and return the figures that were printed."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Failed(f'not done after {seconds} s') from None
    if process.returncode != 0:
        last = err.strip().split('\n')[-1]
        raise Failed(f'ended with {process.returncode}: {last}')
    try:
        return figures(out)
    except ValueError:
        raise Failed(f'printed {out!r}') from None


def use_memory(size):
    """Use so much memory and give it back, so that no contender is the one
    for whom a virtual machine has to get it from its host."""
    if size:
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS |
                  mmap.MAP_POPULATE).close()


def run_program(argv, env, pair=False):
    """A program by itself; with pair, it has a server of its own, which gets
    the other processor."""
    allowed = set(processors() if pair else processors()[:1])
    return finish(start(argv, env, *allowed), RUN_SECONDS_MAX)


def port_of(server):
    """The port that a server prints as its first line."""
    end = time.monotonic() + PORT_SECONDS_MAX
    line = ''
    while not line.endswith('\n'):
        left = end - time.monotonic()
        if left <= 0 or not select.select([server.stdout], [], [], left)[0]:
            raise Failed(f'printed no port within {PORT_SECONDS_MAX} s')
        got = os.read(server.stdout.fileno(), 100).decode()
        if not got:
            raise Failed('ended before it printed a port: '
                         + server.stderr.read().strip().split('\n')[-1])
        line += got
    return int(figures(line)['port'])


@contextlib.contextmanager
def serving(argv, env):
    server = start(argv, env, processors()[0])
    try:
        yield server, port_of(server)
    finally:
        server.kill()
        server.communicate()


def run_server(argv, env, client, load, together=False):
    """Start a server, load it from the other processor or, together, from
    its own, and stop it. load is the connections, bytes, milliseconds of
    warm-up and of measuring, and perhaps messages a connection."""
    with serving(argv, env) as (server, port):
        command = [*client, str(port), str(server.pid), *map(str, load)]
        seconds = (load[2] + load[3]) / 1000 + 20
        return finish(start(command, {}, processors(together)[1]), seconds)
