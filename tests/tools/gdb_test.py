#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""gdb lists tasks and prints their frames, live and from a core file.

    gdb_test.py SCRIPT PROGRAM

SCRIPT is tools/gdb/bide-gdb.py, PROGRAM that of debuggee.c.
"""
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
SCRIPT, PROGRAM = (str(pathlib.Path(name).resolve()) for name in sys.argv[1:3])

TASKS = """\
  1  main         program  running
  2  server       serve    in bide_gather()
  4  first fetch  fetch    in bide_sleep()
  5  Task-5       fetch    in bide_sleep()
  6  Task-6       fetch    not started
"""

# A command, and what its output must contain, in this order.
EXPECTED = [
    ('bide tasks', [': 5 tasks\n' + TASKS]),
    ('bide tasks -a', ['  3  Task-3       read_all  ended\n']),
    ('bide bt server', ['server (serve), in bide_gather()\n#0  ',
                        'in bide_gather (', 'in serve (arg=', 'debuggee.c:']),
    ('bide bt -full 4', ['first fetch (fetch), in bide_sleep()\n#0  ',
                         ' bide_sleep (', 'in fetch (', 'rounds = 42\n']),
    ('bide bt 6', ['Task-6 (fetch), not started\n\n']),
    ('bide bt', ['main (program), running\n', 'server (serve)', 'in serve (',
                 'first fetch', 'in fetch (', 'Task-5', 'in fetch (']),
    ('bide bt nobody', ['no task is called nobody']),
    ('bide tasks 1', ['usage: bide tasks [-a]']),
    # gdb is as it was: the frames are the thread's own again.
    ('bt', ['abort (', 'in program (']),
]

failures = []


def run_gdb(*arguments, backend='epoll'):
    """Run the commands of EXPECTED; return what each has printed."""
    command = ['gdb', '-q', '-nx', '-batch', '-ex', f'source {SCRIPT}']
    tail = []
    if arguments[0] == '--args':
        command += ['-ex', 'run']
        tail = list(arguments)
    else:
        command += arguments
    for name, _ in EXPECTED:
        # A command that fails ends a script, but not a python block.
        command += ['-ex', f'echo \\n=== {name}\\n', '-ex',
                    'python\ntry: gdb.execute(%r)\n'
                    'except gdb.error as e: print(e)' % name]
    run = subprocess.run(command + tail, capture_output=True, text=True,
                         env=dict(os.environ, BIDE_BACKEND=backend), timeout=90)
    return run.stdout + run.stderr, run.stdout.split('\n=== ')[1:]


def check(what, output, parts):
    if len(parts) != len(EXPECTED):
        failures.append(f'{what}: gdb did not come to its end\n{output}')
        return
    for (name, words), part in zip(EXPECTED, parts):
        at = 0
        for word in words:
            found = part.find(word, at)
            if found < 0:
                failures.append(f'{what}: {name}: no {word!r} in\n{part}')
                break
            at = found + len(word)


def works(backend):
    return subprocess.run([PROGRAM, 'wait'], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL,
                          env=dict(os.environ, BIDE_BACKEND=backend)
                          ).returncode == 0


def dump_core(directory):
    """Have the kernel write a core file; None where it goes elsewhere."""
    pattern = pathlib.Path('/proc/sys/kernel/core_pattern').read_text()
    if '/' in pattern or '|' in pattern:
        return None
    limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
    subprocess.run([PROGRAM, 'abort'], cwd=directory,
                   stderr=subprocess.DEVNULL,
                   preexec_fn=lambda: resource.setrlimit(
                       resource.RLIMIT_CORE, (limit, limit)))
    return next(pathlib.Path(directory).iterdir(), None)


def main():
    probe = shutil.which('gdb') and subprocess.run(
        ['gdb', '-q', '-nx', '-batch', '-ex', 'python print(6 * 7)', '-ex',
         'run', '/bin/true'], capture_output=True, text=True)
    if not probe or '42' not in probe.stdout or \
            'exited normally' not in probe.stdout:
        print('gdb is not there, has no Python, or may not run programs')
        return SKIPPED
    for backend in filter(works, ['uring', 'epoll']):
        check(backend, *run_gdb('--args', PROGRAM, 'abort', backend=backend))
    with tempfile.TemporaryDirectory() as directory:
        core = dump_core(directory)
        if core:
            check('core', *run_gdb(PROGRAM, str(core)))
    print('\n'.join(failures) or 'ok')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
