#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The runner, test.h, and what counts its results, tally.py, tell the truth.

    runner_test.py SAMPLE

SAMPLE is the program of sample.c. Were a failure overlooked here, every other
test could fail unnoticed.
"""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(
    pathlib.Path(__file__).resolve().parents[2] / 'tools'))

from tally import Tally  # noqa: E402  (found only now)

# Part of a name in sample.c, the exit status, and words of the output.
RUNS = [
    ('good', 0, 'ok 1 - good_all_checks_hold'),
    ('skip', 77, 'ok 1 - skip_for_a_reason # SKIP no such kernel'),
    ('good_or_skip', 1, 'no test'),
    ('bad_condition', 1, '1 + 1 == 3 is false'),
    ('bad_integer', 1, '3 - 5 is -2, expected 4'),
    ('bad_string', 1, '"left" is "left", expected "right"'),
    ('bad_string_is_null', 1, 'NULL is "(NULL)", expected "right"'),
    ('bad_memory', 1, 'byte 2 of "abc" is 0x63, expected 0x64'),
    ('bad_call', 1, '(EINVAL: 9 is too much), expected success'),
    ('bad_code', 1, '(EIO: Input/output error), expected -22 (EINVAL)'),
    ('bad_success', 1, 'is 0 (OK: success), expected -22 (EINVAL)'),
    ('bad_on_another_thread', 1, 'not ok 1 - bad_on_another_thread'),
    ('', 1, '1..11'),
]

# What meson reports of a program, and what that counts as.
COUNTS = [
    ('OK', 'ok 1 - a\nok 2 - b\n', (2, 0, 0)),
    ('OK', 'no TAP\n', (1, 0, 0)),
    ('OK', 'ok 1 - a\nok 2 - b # SKIP why\n', (1, 0, 1)),
    ('FAIL', 'ok 1 - a\nnot ok 2 - b\nnot ok 3 - c\n', (1, 2, 0)),
    ('FAIL', 'no TAP\n', (0, 1, 0)),
    ('FAIL', 'ok 1 - a\n# b\n', (1, 1, 0)),
    ('TIMEOUT', 'ok 1 - a\n# b\n', (1, 1, 0)),
    ('OK', 'ok 1 - a\nnot ok 2 - b\n', (1, 1, 0)),
    ('SKIP', '', (0, 0, 1)),
]


def run_differs(sample, words, status, expected):
    run = subprocess.run([sample, words], capture_output=True, text=True)
    if run.returncode == status and expected in run.stdout:
        return None
    return f'{words!r}: exit status {run.returncode}\n{run.stdout}'


def order_differs(sample):
    """One seed is one order, and there is another seed with another."""
    orders = [subprocess.run([sample], capture_output=True, text=True,
                             env=dict(os.environ, TEST_SEED=str(seed))
                             ).stdout.split('\n', 1)[1]
              for seed in [1, 1, 2, 3, 4]]
    if orders[0] != orders[1]:
        return 'one seed gave two orders'
    return None if len(set(orders)) > 1 else 'every seed gave one order'


def count_differs(result, stdout, expected):
    tally = Tally()
    tally.add_program({'name': 'x', 'stdout': stdout, 'result': result,
                       'returncode': 0})
    counted = tally.passed, len(tally.failures), tally.skipped
    return None if counted == expected else f'{counted}, not {expected}'


def main():
    sample = os.path.abspath(sys.argv[1])
    os.environ.pop('TEST_SEED', None)
    results = [(f'the runner runs "{run[0]}"', run_differs(sample, *run))
               for run in RUNS]
    results += [('the runner shuffles by seed', order_differs(sample))]
    results += [(f'results are counted, case {case}', count_differs(*count))
                for case, count in enumerate(COUNTS, 1)]
    for number, (what, complaint) in enumerate(results, 1):
        if complaint:
            print('# ' + complaint.replace('\n', '\n# '))
        print('not ok' if complaint else 'ok', number, '-', what)
    return 1 if any(complaint for _, complaint in results) else 0


if __name__ == '__main__':
    sys.exit(main())
