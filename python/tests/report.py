# SPDX-License-Identifier: MIT
"""How the test programs end."""
import sys
import unittest


def main():
    """As unittest.main(), with a last line as other test programs have."""
    result = unittest.main(exit=False, verbosity=0).result
    failed = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    for test, reason in result.skipped:
        print(f'skipped {test.id()}: {reason}')
    print(f'{result.testsRun - failed - skipped} passed, {skipped} skipped, '
          f'{failed} failed')
    sys.exit(failed > 0)
