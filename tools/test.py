#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run every test in every way that counts; `make test` calls this.

    tools/test.py             all stages
    tools/test.py asan tsan   some of them
    tools/test.py --list      what there is

Each stage has a build directory of its own below build/test/, so that running
it again compiles only what has changed. A stage is one line of output, with
its failures below it. The last line is the sum: "N passed, N failed". What
counts as one is a test of a test program, or a program whose output is
compared. The exit status is 1 when anything failed.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import time

import installed
import programs
from tally import Tally

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / 'build' / 'test'
MESON = next((path for path in ['/usr/bin/meson', shutil.which('meson')]
              if path and os.path.exists(path)), 'meson')
FUZZ_SECONDS_MOST = 300  # for all targets, unless somebody asks for more
CORES = os.cpu_count() or 1
LIMIT_SECONDS = 600  # for one step of a stage; none comes near it
PYTHON_TESTS = ['test_loop.py', 'test_sockets.py', 'test_tls.py',
                'test_failures.py', 'test_accel.py', 'test_aio.py']
PYTHON_SUITES = ['test_programs.py', 'run_cpython.py',
                 'run_cpython.py --accelerate']
# The last line of a test program in Python.
PYTHON_SUM = re.compile(r'^(\d+) passed, (\d+) skipped, (\d+) failed$', re.M)
NINJA_PROGRESS = re.compile(r'^\[\d+/\d+\] .*\n', re.M)

# The core without the libraries that need more than libc.
CORE_ALONE = [f'-D{name}=disabled'
              for name in ['http', 'model', 'postgres', 'sqlite', 'tls']]

# A sanitizer's report must fail the test, not only be printed.
SANITIZER_OPTIONS = {
    'ASAN_OPTIONS': 'abort_on_error=1:detect_stack_use_after_return=0',
    'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
    'TSAN_OPTIONS': 'halt_on_error=1',
}


class Broken(Exception):
    """A step of a stage, a build for one, did not work at all."""


class Lacking(Exception):
    """The machine lacks a tool, and tools/setup.sh could not install it."""


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            raise Lacking(f'there is no {tool}')


def step(command, env=None):
    """Run a command that must work; its output is shown only otherwise."""
    try:
        run = subprocess.run(command, cwd=ROOT, text=True, env=env,
                             stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        raise Broken(f'no end after {LIMIT_SECONDS} s: {command}')
    if run.returncode != 0:
        raise Broken(NINJA_PROGRESS.sub('', run.stdout))


def build(name, compiler, *options, cross=None, targets=()):
    """Configure and compile; return the build directory.

    `cross` is a file of tools/cross/, for another processor than this one;
    `targets` are all that is compiled, if there are any.
    """
    directory = BUILD / name
    env = dict(os.environ, CC=compiler)
    options = ['-Dwerror=true', '-Db_colorout=auto', *options]
    if not (directory / 'build.ninja').exists():
        shutil.rmtree(directory, ignore_errors=True)
        if cross:
            options += ['--cross-file', ROOT / 'tools' / 'cross' / cross]
        step([MESON, 'setup', directory, *options], env)
    else:
        step([MESON, 'configure', directory, *options], env)
    step(['ninja', '-C', directory, *targets], env)
    return directory


def fixed_addresses():
    """What to put before a command, to stop random addresses where one may.

    Sanitizers of gcc 12 and clang 14 reserve fixed ranges of addresses, which
    newer kernels now and then give to something else.
    """
    prefix = ['setarch', '-R']
    works = shutil.which('setarch') and subprocess.run(
        [*prefix, 'true'], stderr=subprocess.DEVNULL).returncode == 0
    return prefix if works else []


def meson_test(directory, *options, prefix=()):
    """Run the tests of a build; their results."""
    log = directory / 'meson-logs' / 'testlog.json'
    log.unlink(missing_ok=True)
    run = subprocess.run(
        [*prefix, MESON, 'test', '-C', directory, '--no-rebuild', *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=dict(os.environ, **SANITIZER_OPTIONS))
    if not log.exists():
        if run.returncode == 0:  # no test matches
            return Tally()
        raise Broken(run.stdout)
    tally = Tally()
    for line in log.read_text().splitlines():
        tally.add_program(json.loads(line))
    return tally


def stage_gcc():
    """gcc, as users get it; the checks of the sources"""
    directory = build('gcc', 'gcc', f'--prefix={BUILD / "installed"}',
                      '--libdir=lib')
    return meson_test(directory)


def stage_clang():
    """clang, with assertions"""
    directory = build('clang', 'clang', '-Dassertions=true')
    return meson_test(directory, '--no-suite', 'source')


def stage_asan():
    """AddressSanitizer and UndefinedBehaviorSanitizer, with assertions"""
    directory = build('asan', 'gcc', '-Dassertions=true',
                      '-Db_sanitize=address,undefined')
    return meson_test(directory, '--no-suite', 'source',
                      prefix=fixed_addresses())


def stage_fuzz():
    """libFuzzer's targets, a minute each or BIDE_FUZZ_SECONDS"""
    need('clang')
    directory = build('fuzz', 'clang', '-Dfuzz=true', '-Dassertions=true',
                      '-Db_lundef=false', '-Db_sanitize=address,undefined',
                      targets=['fuzz'])
    targets = sorted(path for path in (directory / 'tests/fuzz').iterdir()
                     if path.name.startswith('fuzz_') and path.is_file())
    seconds = int(os.environ.get(
        'BIDE_FUZZ_SECONDS',
        max(1, min(60, FUZZ_SECONDS_MOST * CORES // max(1, len(targets))))))
    tally = Tally()
    with concurrent.futures.ThreadPoolExecutor(CORES) as pool:
        for target, output in pool.map(lambda path: fuzz(path, seconds),
                                       targets):
            if output is None:
                tally.passed += 1
            else:
                tally.fail(target.name, output)
    return tally


def fuzz(target, seconds):
    """Run a target; what it printed if it found something, else None."""
    found = target.with_suffix('.found')
    found.mkdir(exist_ok=True)
    corpus = ROOT / 'tests/fuzz/corpus' / target.name.removeprefix('fuzz_')
    try:
        run = subprocess.run(
            [*fixed_addresses(), target, f'-max_total_time={seconds}',
             '-timeout=20', '-rss_limit_mb=2048', '-print_final_stats=1',
             f'-artifact_prefix={found}/', found, corpus],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors='replace', timeout=seconds + 120,
            env=dict(os.environ, **SANITIZER_OPTIONS))
    except subprocess.TimeoutExpired:
        return target, f'no end after {seconds + 120} s'
    return target, run.stdout if run.returncode != 0 else None


def stage_tsan():
    """ThreadSanitizer, for the tests that cross threads"""
    directory = build('tsan', 'gcc', '-Dassertions=true',
                      '-Db_sanitize=thread')
    return meson_test(directory, '--suite', 'threads',
                      prefix=fixed_addresses())


def stage_ucontext():
    """the stack switch for processors that have none of their own"""
    directory = build('ucontext', 'gcc', '-Dassertions=true',
                      '-Dswitch=ucontext', *CORE_ALONE)
    return meson_test(directory, '--suite', 'arch', '--suite', 'task',
                      '--suite', 'sync', '--suite', 'tour')


def stage_aarch64():
    """aarch64, by QEMU's user mode"""
    need('aarch64-linux-gnu-gcc', 'qemu-aarch64')
    directory = build('aarch64', 'gcc', '-Dassertions=true',
                      *CORE_ALONE, cross='aarch64.ini')
    return meson_test(directory, '--no-suite', 'source')


def tour():
    """The acceptance programs: those that are here, or elsewhere."""
    return sorted(pathlib.Path(
        os.environ.get('BIDE_TOUR', ROOT / 'tests' / 'tour')).glob('*.c'))


def stage_python():
    """the Python face: its own tests, and CPython's of asyncio"""
    python = '/usr/bin/python3'
    paths = sysconfig.get_paths()
    for file, package in [
            (paths['include'] + '/Python.h', 'python3-dev'),
            (paths['stdlib'] + '/test/test_asyncio',
             'libpython3.11-testsuite')]:
        if not os.path.exists(file):
            raise Lacking(f'there is no {file} (package {package})')
    tally = Tally()
    python_tests(tally, python, 'python', PYTHON_TESTS + PYTHON_SUITES)
    if os.path.exists(python + '-dbg'):
        python_tests(tally, python + '-dbg', 'python-debug', PYTHON_TESTS)
    libraries = [subprocess.run(
        ['gcc', f'-print-file-name={name}'], stdout=subprocess.PIPE,
        text=True).stdout.strip() for name in ['libasan.so', 'libubsan.so']]
    for backend in ['uring', 'epoll']:
        python_tests(
            tally, python, 'python-asan', PYTHON_TESTS, build={
                'CFLAGS': '-fsanitize=address,undefined',
                'LDFLAGS': '-fsanitize=address,undefined'},
            run={'LD_PRELOAD': ' '.join(libraries), 'PYTHONMALLOC': 'malloc',
                 'ASAN_OPTIONS': 'detect_leaks=0', 'BIDE_BACKEND': backend})
    return tally


def python_tests(tally, python, name, programs, build=None, run=None):
    """Build the extension and run test programs; `build` and `run` are
    variables of the environment."""
    directory = BUILD / name
    step([python, 'setup.py', '-q', 'build', '--build-base', directory,
          '--build-lib', directory / 'lib'], dict(os.environ, **build or {}))
    env = dict(os.environ, PYTHONPATH=str(directory / 'lib'), **run or {})
    for program in programs:
        file, *options = program.split()
        done = subprocess.run([python, ROOT / 'python/tests' / file, *options],
                              stdout=subprocess.PIPE, text=True, env=env,
                              stderr=subprocess.STDOUT)
        counts = PYTHON_SUM.findall(done.stdout)
        title = f'{program} ({name})'
        if not counts:
            tally.fail(title, done.stdout)
            continue
        passed, skipped, failed = map(int, counts[-1])
        tally.passed += passed
        tally.skipped += skipped
        for number in range(failed or done.returncode != 0):
            tally.fail(title, done.stdout if number == 0 else '')


def stage_installed():
    """the tour and the examples, against an installed copy"""
    prefix = BUILD / 'installed'
    shutil.rmtree(prefix, ignore_errors=True)
    directory = build('gcc', 'gcc', f'--prefix={prefix}', '--libdir=lib')
    step([MESON, 'install', '-C', directory, '--no-rebuild'])
    copy = installed.Installed(prefix)
    examples = [file for file in sorted((ROOT / 'examples').glob('**/*.c'))
                if file.with_suffix('.out').exists()]
    tally = programs.run_all(tour() + examples, copy, directory / 'tests')
    tally.add(installed.check(copy))
    return tally


def packages_need_no_more_than(directory):
    """Whether programs that need a library's package alone get no more."""
    tally = Tally()
    for package, forbidden in [('libbide0', ''), ('libbide-http0', 'libssl3'),
                               ('libbide-jobs0', 'libsqlite3-0')]:
        file, = directory.glob(f'{package}_*.deb')
        depends = subprocess.run(['dpkg-deb', '-f', file, 'Depends'],
                                 stdout=subprocess.PIPE, text=True).stdout
        names = {part.split()[0] for part in depends.split(',')}
        if forbidden in names or not (forbidden or names == {'libc6'}):
            tally.fail(package, f'it depends on {sorted(names)}')
        else:
            tally.passed += 1
    return tally


def stage_deb():
    """Debian's packages, and the tour against what is in them"""
    need('dpkg-buildpackage', 'dh')
    step([ROOT / 'tools' / 'deb.sh'])
    directory = ROOT / 'build' / 'deb'
    sysroot = directory / 'root'
    for file in directory.glob('*.deb'):
        step(['dpkg-deb', '-x', file, sysroot])
    triplet = subprocess.run(['dpkg-architecture', '-qDEB_HOST_MULTIARCH'],
                             stdout=subprocess.PIPE, text=True).stdout.strip()
    copy = installed.Installed(sysroot / 'usr', f'lib/{triplet}', sysroot)
    examples = [ROOT / 'examples' / 'hello.c']
    helpers = build('gcc', 'gcc', f'--prefix={BUILD / "installed"}',
                    '--libdir=lib') / 'tests'
    tally = programs.run_all(tour() + examples, copy, helpers)
    tally.add(packages_need_no_more_than(directory))
    return tally


STAGES = {function.__name__.removeprefix('stage_'): function
          for function in [stage_gcc, stage_clang, stage_asan, stage_tsan,
                           stage_ucontext, stage_aarch64, stage_installed,
                           stage_deb, stage_python, stage_fuzz]}


def run_stage(name):
    print(f'{name:10}', end='', flush=True)
    start = time.monotonic()
    try:
        tally = STAGES[name]()
        if not (tally.passed or tally.skipped or tally.failures):
            raise Broken('it has no test')
    except Lacking as lacking:
        print(f'skipped: {lacking}')
        tally = Tally()
        tally.skipped = 1
        return tally
    except Broken as broken:
        tally = Tally()
        tally.fail(f'stage {name} could not run', str(broken))
    print(f'{tally}  ({time.monotonic() - start:.0f} s)')
    for failure in tally.failures:
        print(failure)
    return tally


def main():
    names = sys.argv[1:] or list(STAGES)
    if names == ['--list']:
        for name, function in STAGES.items():
            print(f'{name:10}{function.__doc__}')
        return 0
    unknown = [name for name in names if name not in STAGES]
    if unknown:
        print(f'no stage is called {unknown[0]}; see --list', file=sys.stderr)
        return 2
    total = Tally()
    for name in names:
        total.add(run_stage(name))
    print(f'{total.passed} passed, {len(total.failures)} failed')
    return 1 if total.failures else 0


if __name__ == '__main__':
    sys.exit(main())
