# SPDX-License-Identifier: MIT
"""What the check_*.py share: finding files, and reporting complaints.

Each check takes the repository's root as its argument, prints its complaints
as "path:line: what is wrong", and exits with 1 when there are any.
"""
import pathlib
import re
import sys

COMMENT_OR_STRING = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


class Source:
    """A file, its path as seen from the root, its text and its lines."""

    def __init__(self, root, path):
        self.path = str(path.relative_to(root))
        self.text = path.read_text(encoding='utf-8')
        self.lines = self.text.split('\n')

    def code(self):
        """The text with comments and strings blanked; lines stay in place."""
        return COMMENT_OR_STRING.sub(
            lambda found: re.sub(r'[^\n]', ' ', found.group()), self.text)

    def line_at(self, offset):
        return self.text.count('\n', 0, offset) + 1


def sources(root, patterns):
    """The files that match any of the patterns, in a fixed order."""
    root = pathlib.Path(root)
    paths = {path for pattern in patterns for path in root.glob(pattern)
             if path.is_file()}
    for path in sorted(paths):
        yield Source(root, path)


def main(check):
    """Run check(root), which yields (path, line, what), and report."""
    root = sys.argv[1] if len(sys.argv) > 1 else '.'
    count = 0
    for path, line, what in check(root):
        print(f'{path}:{line}: {what}')
        count += 1
    sys.exit(1 if count else 0)
