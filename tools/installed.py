# SPDX-License-Identifier: MIT
"""An installed copy of bide, and whether those who find it can use it."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from tally import Tally

ROOT = pathlib.Path(__file__).resolve().parents[1]
COMPARE = ROOT / 'tests' / 'tools' / 'compare.py'


class Installed:
    """Where it is. `sysroot` is the directory that stands for / in its own
    files, where packages were unpacked and not installed."""

    def __init__(self, prefix, libdir='lib', sysroot=None):
        self.prefix = prefix
        self.libdir = prefix / libdir
        self.sysroot = sysroot

    def flags(self, package, *options):
        """What pkg-config says a program needs; None of an unknown one."""
        env = dict(os.environ, PKG_CONFIG_PATH=f'{self.libdir}/pkgconfig')
        if self.sysroot:
            env.update(PKG_CONFIG_SYSROOT_DIR=str(self.sysroot),
                       PKG_CONFIG_ALLOW_SYSTEM_CFLAGS='1',
                       PKG_CONFIG_ALLOW_SYSTEM_LIBS='1')
        run = subprocess.run(
            ['pkg-config', '--cflags', '--libs', *options, package], env=env,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return run.stdout.split() if run.returncode == 0 else None

    def environment(self, **variables):
        """To run programs in that are linked with it."""
        env = dict(os.environ, LD_LIBRARY_PATH=str(self.libdir), **variables)
        if 'BIDE_BACKEND' not in variables:
            env.pop('BIDE_BACKEND', None)
        return env


def prints_what_it_should(installed, program, source):
    """Complaints about an example that was built as `program`; '' for none."""
    run = subprocess.run(
        [sys.executable, COMPARE, source.with_suffix('.out'), program],
        env=installed.environment(), capture_output=True, text=True)
    return '' if run.returncode == 0 else run.stdout + run.stderr


def built_by_cmake(installed, scratch):
    commands = [
        ['cmake', '-S', ROOT / 'tests/install', '-B', scratch / 'cmake',
         f'-DSOURCES={ROOT}', f'-DCMAKE_PREFIX_PATH={installed.prefix}',
         '-DCMAKE_BUILD_TYPE=Release'],
        ['cmake', '--build', scratch / 'cmake'],
    ]
    for command in commands:
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode:
            return run.stdout + run.stderr
    return ''.join(
        prints_what_it_should(installed, scratch / 'cmake' / program,
                              ROOT / 'examples' / f'{example}.c')
        for program, example in [('shared', 'hello'), ('static', 'hello'),
                                 ('tests', 'test_retry')])


def built_static(installed, scratch):
    """As programs without any shared library; the web's needs many others."""
    complaints = ''
    for package, example in [('bide', 'hello'), ('bide-web', 'web_hello')]:
        flags = installed.flags(package, '--static')
        if flags is None and package != 'bide':  # it was not built
            continue
        source = ROOT / 'examples' / f'{example}.c'
        run = subprocess.run(
            ['cc', '-static', source, '-o', scratch / example, *flags],
            capture_output=True, text=True)
        complaints += run.stderr if run.returncode else prints_what_it_should(
            installed, scratch / example, source)
    return complaints


def has_pages(installed, _):
    share = installed.prefix / 'share'
    wanted = [share / 'man/man3/bide_run.3', share / 'man/man7/bide-task.7',
              share / 'doc/bide/api/bide-task.md']
    missing = [str(path) for path in wanted
               if not path.exists() and not path.with_name(
                   path.name + '.gz').exists()]
    return f'missing: {missing}' if missing else ''


def has_its_name(installed, _):
    """Programs that are linked now ask for libbide.so.0 ever after."""
    dynamic = subprocess.run(
        ['readelf', '-d', installed.libdir / 'libbide.so'],
        capture_output=True, text=True).stdout
    return '' if 'soname: [libbide.so.0]' in dynamic else dynamic


def check(installed):
    """Whether all that find it can use it."""
    tally = Tally()
    checks = [('static programs', built_static),
              ('the name of the library', has_its_name),
              ('manual pages', has_pages)]
    if shutil.which('cmake'):
        checks.append(('a CMake project', built_by_cmake))
    else:
        tally.skipped += 1
    for name, function in checks:
        with tempfile.TemporaryDirectory() as scratch:
            complaint = function(installed, pathlib.Path(scratch))
        if complaint:
            tally.fail(name, complaint)
        else:
            tally.passed += 1
    return tally
