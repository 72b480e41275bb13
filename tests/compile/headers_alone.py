#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Each public header compiles alone, as C11 and as C++17, by gcc and clang.

    headers_alone.py ROOT

"Alone" means first and only: a header that relies on what its user included
before would break the next user, who includes it in another order.
"""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

LANGUAGES = [('gcc', 'c', 'c11'), ('clang', 'c', 'c11'),
             ('g++', 'c++', 'c++17'), ('clang++', 'c++', 'c++17')]
WARNINGS = ['-Wall', '-Wextra', '-Wpedantic', '-Werror', '-Wundef']


def compile_alone(include, header, language):
    """The compiler's complaints; None where there is no such compiler."""
    compiler, kind, standard = language
    if not shutil.which(compiler):
        return None
    run = subprocess.run(
        [compiler, '-x', kind, f'-std={standard}', *WARNINGS, '-fsyntax-only',
         '-I', include, '-'],
        input=f'#include <{header}>\n', capture_output=True, text=True)
    return run.stderr if run.returncode else ''


def main():
    include = pathlib.Path(sys.argv[1]) / 'include'
    jobs = [(str(header.relative_to(include)), language)
            for header in sorted(include.rglob('*.h'))
            for language in LANGUAGES]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
        results = list(threads.map(
            lambda job: compile_alone(include, *job), jobs))
    print(f'1..{len(jobs)}')
    for number, (job, complaints) in enumerate(zip(jobs, results), 1):
        header, (compiler, _, standard) = job
        for line in (complaints or '').splitlines():
            print('#', line)
        print('not ok' if complaints else 'ok', number,
              f'- <{header}> alone, {compiler} -std={standard}',
              '# SKIP no such compiler' if complaints is None else '')
    return 1 if any(results) else 0


if __name__ == '__main__':
    sys.exit(main())
