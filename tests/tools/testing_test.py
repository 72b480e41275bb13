#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bide-test judges tests rightly, and says what its user has to know.

    testing_test.py SAMPLE

SAMPLE is the program of testing_sample.c.
"""
import os
import re
import subprocess
import sys

VARIABLES = ['BIDE_BACKEND', 'BIDE_SEED', 'BIDE_TEST_SEEDS', 'BIDE_TEST_LIMIT',
             'BIDE_DEBUG', 'HARNESS_ACTIVE', 'MESON_TEST_ITERATION']

# Arguments, the environment, the exit status, words of the output; words that
# begin with "-" must not be there.
RUNS = [
    ('good', '', 0, ['1..2', 'ok 1 - good_checks_hold',
                     'ok 2 - good_awaits_what_it_starts', '-#']),
    ('skip', '', 77, ['ok 1 - skip_for_a_reason # SKIP no such kernel']),
    ('skip', 'MESON_TEST_ITERATION=1', 0, ['# SKIP no such kernel']),
    ('good skip', '', 0, ['1..3']),
    ('nothing_is_called_so', '', 1, ['no test has such a name']),
    ('--list', '', 0, ['good_checks_hold\n', '-1..']),
    ('--list bad_s', '', 0, ['bad_string\n', '-good']),
    ('--wrong', '', 2, ['usage: ']),
    ('good', 'BIDE_TEST_SEEDS=none', 2, ["BIDE_TEST_SEEDS is 'none'"]),
    ('good', 'BIDE_TEST_SEEDS=0', 2, ['1 to 1000000']),
    ('good', 'BIDE_BACKEND=wrong', 1, ["unknown backend 'wrong'"]),
    ('bad_condition', '', 1, ['testing_sample.c:', '1 + 1 == 3 is false',
                              'not ok 1 - bad_condition', '-goes on']),
    ('bad_integer', '', 1, ['3 - 5 is -2, expected 4']),
    ('bad_number', '', 1, ['0.5 is 0.5, expected 0.25, give or take 0.125']),
    ('bad_not_a_number', '', 1, ['nan, expected 0']),
    ('bad_string', '', 1, [r'is "two\nlines", expected "one \"line\""']),
    ('bad_null', '', 1, ['none is NULL, expected "something"']),
    ('bad_memory', '', 1, ['byte 2 of "abc" is 0x63, expected 0x64']),
    ('bad_call', '', 1, ['(EINVAL: 9 is too much), expected success']),
    ('bad_code', '', 1, ['is -5 (EIO: Input/output error), expected -22']),
    ('bad_result', '', 1, ['returned -71 (EPROTO: no such word)']),
    ('bad_in_another_task', '', 1, ['1 is 1, expected 2', 'not ok 1']),
    ('bad_on_another_thread', '', 1, ['1 is 1, expected 2', 'not ok 1']),
    ('bad_leaves_a_task', '', 1, ["'orphan' is still pending, in bide_sleep"]),
    ('bad_leaves_memory', '', 1, ["of bide's", 'not released']),
    ('keeps_memory_that_is_made_once', '', 0, ['ok 1']),
    ('bad_leaves_a_server', '', 1, ['a server was never closed']),
    ('bad_leaves_an_error', '', 1, ['EIO (nobody hears) and nobody awaited']),
    ('bad_deadlock', '', 1, ['has not ended after 5 s',
                             '#     at bad_deadlock (testing_sample.c:',
                             "task 'bad_deadlock' is still pending, in "
                             'bide_queue_get()', '-ECANCELED']),
    ('bad_late', '', 1, ['has not ended after 5 s']),
    ('hang', 'BIDE_TEST_LIMIT=1', 1, ['never suspends', 'Bail out!']),
    ('real_backend', '', 0, ['ok 1']),
    ('bad_leaves_a_task', 'BIDE_BACKEND=epoll', 1,
     ['repeat it: BIDE_BACKEND=epoll']),
]


def run(sample, arguments, variables=''):
    env = {name: value for name, value in os.environ.items()
           if name not in VARIABLES}
    env.update(word.split('=', 1) for word in variables.split())
    return subprocess.run([sample, *arguments.split()], env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def run_differs(sample, arguments, variables, status, words):
    done = run(sample, arguments, variables)
    wrong = [word for word in words
             if (word[1:] in done.stdout if word.startswith('-')
                 else word not in done.stdout)]
    if done.returncode == status and not wrong:
        return None
    return f'exit status {done.returncode}, wrong: {wrong}\n{done.stdout}'


def seed_differs(sample, test):
    """A test that fails in some orders only fails, and the command that is
    printed repeats it; with the plain order alone it passes."""
    found = run(sample, test, 'BIDE_TEST_SEEDS=200')
    command = re.search(r'repeat it: (BIDE_SEED=[1-9]\d*) \S+ (\w+)\n',
                        found.stdout)
    if found.returncode != 1 or not command:
        return found.stdout
    for _ in range(2):
        again = run(sample, command[2], command[1])
        if again.returncode != 1 or command[0] not in again.stdout:
            return again.stdout
    plain = run(sample, test, 'BIDE_SEED=0')
    return plain.stdout if plain.returncode else None


def count_differs(sample, test, variables, count):
    done = run(sample, test, variables)
    return None if done.stdout.count('# run\n') == count else done.stdout


def main():
    sample = os.path.abspath(sys.argv[1])
    results = [(f'{case[1]} sample {case[0]}', run_differs(sample, *case))
               for case in RUNS]
    results += [
        (f'{test} is repeated by its seed', seed_differs(sample, test))
        for test in ['bad_in_one_order', 'bad_in_another_schedule']]
    results += [
        ('a test runs 16 times',
         count_differs(sample, 'count_runs', '', 16)),
        ('a test runs as often as it is told',
         count_differs(sample, 'count_runs', 'BIDE_TEST_SEEDS=3', 3)),
        ('a test runs as often as it says',
         count_differs(sample, 'count_two_runs', 'BIDE_TEST_SEEDS=3', 2)),
        ('one seed is one run',
         count_differs(sample, 'count_runs', 'BIDE_SEED=3', 1)),
        ('a real backend is one run',
         count_differs(sample, 'count_runs', 'BIDE_BACKEND=epoll', 1)),
    ]
    print(f'1..{len(results)}')
    for number, (what, complaint) in enumerate(results, 1):
        if complaint:
            print('# ' + complaint.strip().replace('\n', '\n# '))
        print('not ok' if complaint else 'ok', number, '-', what.strip())
    return 1 if any(complaint for _, complaint in results) else 0


if __name__ == '__main__':
    sys.exit(main())
