# SPDX-License-Identifier: MIT
"""Counting what passed and what failed, and keeping what to show of it."""
import textwrap

OUTPUT_LINES_MAX = 40  # of a failed test; the rest is in build/test/


class Tally:
    def __init__(self):
        self.passed = 0
        self.skipped = 0
        self.failures = []

    def __str__(self):
        skipped = f', {self.skipped} skipped' if self.skipped else ''
        return (f'{self.passed:5} passed, {len(self.failures)} failed'
                f'{skipped}')

    def add(self, other):
        self.passed += other.passed
        self.skipped += other.skipped
        self.failures += other.failures

    def fail(self, name, output):
        lines = output.splitlines()[-OUTPUT_LINES_MAX:]
        self.failures.append(textwrap.indent(
            '\n'.join([f'FAILED {name}', *lines]), '    '))

    def add_program(self, result):
        """Count what one test program reports, from meson's testlog.json.

        Each line of its TAP output counts; a program that speaks no TAP
        counts as one. One that crashed or was killed has one more failure
        than it could tell of.
        """
        passed = skipped = failed = 0
        for line in result.get('stdout', '').splitlines():
            if line.startswith('not ok '):
                failed += 1
            elif line.startswith('ok '):
                if ' # SKIP' in line:
                    skipped += 1
                else:
                    passed += 1
        fell = result['result'] not in ('OK', 'SKIP', 'EXPECTEDFAIL')
        if result['result'] == 'SKIP' and not skipped:
            skipped = 1
        if fell and not failed:
            failed = 1
        if not fell and not passed + skipped + failed:
            passed = 1
        self.passed += passed
        self.skipped += skipped
        output = (f'{result["result"]}, exit status {result["returncode"]}\n'
                  + result.get('stdout', '') + result.get('stderr', ''))
        for number in range(failed):
            self.fail(result['name'], output if number == 0 else '')
