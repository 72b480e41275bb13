#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run a program and compare what it prints with a file.

    compare.py EXPECTED PROGRAM ARGUMENT...

The program runs in an empty directory of its own, which is removed. It must
exit with 0; what it prints on standard error is shown when it fails.
"""
import difflib
import os
import pathlib
import subprocess
import sys
import tempfile

LIMIT_SECONDS = 25
SKIPPED = 77  # with_uring, where the kernel refuses io_uring


def run_alone(command):
    """The finished program, or None when it did not end in time."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return subprocess.run(command, cwd=scratch, capture_output=True,
                                  stdin=subprocess.DEVNULL,
                                  timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            return None


def differences(expected, run):
    """The lines that tell what went wrong; none when nothing did."""
    if run is None:
        return [f'no end after {LIMIT_SECONDS} s']
    wanted = pathlib.Path(expected).read_text()
    printed = run.stdout.decode(errors='replace')
    lines = list(difflib.unified_diff(
        wanted.splitlines(), printed.splitlines(),
        'expected', 'printed', lineterm=''))
    if run.returncode != 0:
        lines.append(f'exit status {run.returncode}')
    if lines:
        lines += run.stderr.decode(errors='replace').splitlines()
    return lines


def main():
    expected, *command = sys.argv[1:]
    # The program, and the one that runs it, must be found from elsewhere.
    command = [os.path.abspath(word) if os.path.exists(word) else word
               for word in command]
    name = ' '.join(os.path.basename(word) for word in command)
    run = run_alone(command)
    if run and run.returncode == SKIPPED:
        print(f'ok 1 - {name} # SKIP')
        return SKIPPED
    lines = differences(expected, run)
    for line in lines:
        print('#', line)
    print('not ok' if lines else 'ok', '1 -', name)
    return 1 if lines else 0


if __name__ == '__main__':
    sys.exit(main())
