# SPDX-License-Identifier: MIT
"""Find the tools, build bide, its benchmarks and the peers that are possible.

Nothing is installed. A program that cannot be built or found is remembered
with the reason, and left out of the tables with that reason under them.
"""
import os
import pathlib
import shutil
import subprocess
import sys

CFLAGS = ['-std=gnu11', '-D_GNU_SOURCE', '-O2', '-g', '-Wall', '-Wextra']
PYTHONS = ['python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3',
           '/usr/bin/python3']


class Missing(Exception):
    """A program that is not there; the text says why."""


def output_of(argv, **options):
    """What a command prints, or None if it cannot be run or fails."""
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=True,
                              timeout=60, **options).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def find_python(module=None):
    """The first of the usual interpreters that runs and has the module."""
    code = 'import sys; print(sys.executable)'
    if module:
        code = f'import {module}; {code}'
    for name in PYTHONS:
        found = output_of([name, '-c', code])
        if found:
            return found
    return None


class Programs:
    """The programs of bench/, built; command() says how to start one."""

    def __init__(self, root, build_dir, options):
        self.root = root
        self.peers = root / 'bench' / 'peers'
        self.dir = build_dir
        self.library_dir = build_dir / 'bide'
        self.commands = {}
        self.python = options.python or find_python()
        self.uvloop_python = options.uvloop_python or find_python('uvloop')
        self.go = shutil.which('go') or shutil.which('/usr/local/go/bin/go')
        self.dir.mkdir(parents=True, exist_ok=True)

    def command(self, name):
        """The command line of a program; Missing if there is none."""
        if name not in self.commands:
            try:
                self.commands[name] = self.make(name)
            except Missing as missing:
                self.commands[name] = missing
        if isinstance(self.commands[name], Missing):
            raise self.commands[name]
        return self.commands[name]

    def make(self, name):
        kind, _, rest = name.partition(':')
        makers = {'bide': self.make_bide, 'c': self.make_c, 'uv': self.make_uv,
                  'pkg': self.make_pkg, 'go': self.make_go, 'asyncio': self.make_python,
                  'uvloop': self.make_python}
        return makers[kind](kind, rest)

    def make_bide(self, _, name):
        """A benchmark of the library: meson builds both. ninja decides what
        is out of date, so this is done once a run and not skipped."""
        meson = '/usr/bin/meson' if os.path.exists('/usr/bin/meson') \
            else shutil.which('meson')
        if not meson or not shutil.which('ninja'):
            raise Missing('meson and ninja are needed')
        if not (self.library_dir / 'build.ninja').exists():
            self.run([meson, 'setup', '--buildtype=release',
                      self.library_dir, self.root])
        self.run(['ninja', '-C', self.library_dir, f'bench/{name}'])
        return [str(self.library_dir / 'bench' / name)]

    def make_c(self, _, name, flags=()):
        compiler = shutil.which(os.environ.get('CC', 'cc'))
        if not compiler:
            raise Missing('there is no C compiler')
        source = self.peers / f'{name}.c'
        if not source.exists():
            source = self.root / 'bench' / f'{name}.c'
        binary = self.dir / name
        self.run([compiler, *CFLAGS, '-o', binary, source, *flags])
        return [str(binary)]

    def make_pkg(self, _, name):
        """A peer by a library that pkg-config knows; 'library/program', in
        C or C++."""
        library, program = name.split('/')
        flags = output_of(['pkg-config', '--cflags', '--libs', library])
        if flags is None:
            raise Missing(f'{library} is not installed')
        if (self.peers / f'{program}.c').exists():
            return self.make_c('c', program, flags.split())
        compiler = shutil.which(os.environ.get('CXX', 'c++'))
        if not compiler:
            raise Missing('there is no C++ compiler')
        binary = self.dir / program
        self.run([compiler, '-std=c++17', '-D_GNU_SOURCE', '-O2', '-o', binary,
                  self.peers / f'{program}.cpp', *flags.split()])
        return [str(binary)]

    def make_uv(self, _, name):
        flags = output_of(['pkg-config', '--cflags', '--libs', 'libuv'])
        if flags is None:
            raise Missing('libuv is not installed')
        return self.make_c('c', name, flags.split())

    def make_go(self, _, name):
        if not self.go:
            raise Missing('go is not installed')
        binary = self.dir / f'{name}_go'
        self.run([self.go, 'build', '-o', binary, self.peers / f'{name}.go'])
        return [str(binary)]

    def make_python(self, kind, name):
        python = self.uvloop_python if kind == 'uvloop' else self.python
        if not python:
            raise Missing(f'no python3 with {kind} was found')
        return [python, str(self.peers / f'{name}.py'), kind]

    def run(self, argv):
        argv = [str(part) for part in argv]
        done = subprocess.run(argv, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            sys.stderr.write(done.stdout)
            raise Missing(f'"{" ".join(argv[:3])} ..." failed, see above')


def machine(root, programs):
    """What the figures depend on, as names and texts."""
    model = 'unknown'
    for line in pathlib.Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith(('model name', 'CPU part')):
            model = line.split(':', 1)[1].strip()
            break
    commit = output_of(['git', 'rev-parse', '--short=12', 'HEAD'], cwd=root)
    changed = output_of(['git', 'status', '--porcelain', '-uno'], cwd=root)
    python = programs.python and output_of(
        [programs.python, '-c', 'import platform as p; '
         'print(p.python_version())'])
    uvloop = programs.uvloop_python and output_of(
        [programs.uvloop_python, '-c', 'import uvloop, platform as p; '
         'print(uvloop.__version__, "on Python", p.python_version())'])
    go = programs.go and output_of([programs.go, 'env', 'GOVERSION'])
    uname = os.uname()
    return {
        'machine': f'{model}, {os.cpu_count()} CPUs, {uname.machine}',
        'kernel': f'{uname.sysname} {uname.release}',
        'commit': (commit or 'none') + (' and changes' if changed else ''),
        'compiler': (output_of(['cc', '--version']) or 'none').split('\n')[0],
        'libuv': output_of(['pkg-config', '--modversion', 'libuv']) or 'none',
        'go': go or 'none',
        'asyncio': f'Python {python}' if python else 'none',
        'uvloop': uvloop or 'none',
        'load before': ' '.join(f'{one:.2f}' for one in os.getloadavg()),
    }
