#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""check_symbols.py notices a function that one of the three places lacks."""
import pathlib
import subprocess
import sys
import tempfile

CHECK = pathlib.Path(__file__).resolve().parents[2].joinpath(
    'tools', 'check_symbols.py')

# What is tested; the functions of the library, of the headers and of the
# list; words of the complaint, or None.
CASES = [
    ('all agree', 'a b', 'a b', 'a b', None),
    ('one is not listed', 'a b', 'a b', 'a', 'bide_b is not in docs/api'),
    ('one is gone from the library', 'a', 'a b', 'a b',
     'bide_b is not in the library'),
    ('one is in no header', 'a b', 'a', 'a b', 'bide_b is not in the headers'),
]


def prepare(root, library, headers, listed):
    """A repository with these functions; the path of its library."""
    for directory in ['include', 'docs/api']:
        (root / directory).mkdir(parents=True)
    (root / 'meson.build').write_text("version: '0.7.1',\n")
    (root / 'include/bide.h').write_text(''.join(
        f'BIDE_API int bide_{name}(void);\n' for name in headers.split()))
    (root / 'docs/api/symbols.txt').write_text(''.join(
        f'bide_{name} 0.1\n' for name in listed.split()))
    (root / 'library.c').write_text(''.join(
        f'int bide_{name}(void) {{ return 0; }}\n'
        for name in library.split()))
    subprocess.run(['cc', '-shared', '-fPIC', '-nostdlib', '-o',
                    root / 'library.so', root / 'library.c'], check=True)
    return root / 'library.so'


def check(root, library, *options):
    return subprocess.run([sys.executable, CHECK, root, library, *options],
                          capture_output=True, text=True)


def case_differs(library, headers, listed, words):
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        run = check(root, prepare(root, library, headers, listed))
    good = (run.returncode == 1 and words in run.stdout if words
            else run.returncode == 0)
    return None if good else run.stdout + run.stderr


def update_differs():
    """An update adds what is new, and leaves the versions of the others."""
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        library = prepare(root, 'a b', 'a b', 'a')
        run = check(root, library, '--update')
        listed = (root / 'docs/api/symbols.txt').read_text()
    if run.returncode == 0 and listed == 'bide_a 0.1\nbide_b 0.7\n':
        return None
    return run.stdout + run.stderr + listed


def main():
    results = [(what, case_differs(*case)) for what, *case in CASES]
    results.append(('an update adds what is new', update_differs()))
    print(f'1..{len(results)}')
    for number, (what, complaint) in enumerate(results, 1):
        if complaint:
            print('# ' + complaint.replace('\n', '\n# '))
        print('not ok' if complaint else 'ok', number, '- symbols:', what)
    return 1 if any(complaint for _, complaint in results) else 0


if __name__ == '__main__':
    sys.exit(main())
