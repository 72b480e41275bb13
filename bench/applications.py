#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure all that bide claims about data and web applications, here.

    bench/applications.py           everything, about 15 minutes
    bench/applications.py --quick   to see that it runs

Each part is a script of its own, which can be run alone and has options; they
run one after the other. Ends with 1 if a bound was missed, and says where.
"""
import argparse
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent

PARTS = {
    'a typed endpoint': ['web.py'],
    'JSON to and from structs': ['run.py', '--claim', '16'],
    'SQLite and PostgreSQL': ['databases.py'],
    'Redis and jobs': ['redis_jobs.py'],
    'TechEmpower': ['techempower.py'],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--quick', action='store_true',
                        help='few and short rounds: figures not to be quoted')
    parser.add_argument('--build-dir', type=pathlib.Path, metavar='DIR',
                        default=HERE.parent / 'build' / 'benchmarks')
    options = parser.parse_args()
    missed = []
    for title, (script, *words) in PARTS.items():
        print(f'\n══ {title}: bench/{script} {" ".join(words)}'.rstrip(),
              flush=True)
        command = [sys.executable, HERE / script, *words, '--build-dir',
                   options.build_dir.resolve()]
        if options.quick:
            command.append('--quick')
            if script == 'databases.py':
                command += ['--rounds', '1']
        if subprocess.run(command).returncode != 0:
            missed.append(title)
    print(f'\n{len(PARTS) - len(missed)} of {len(PARTS)} parts hold all of '
          'their bounds', *(f'   not: {title}' for title in missed), sep='\n')
    return 1 if missed else 0


if __name__ == '__main__':
    sys.exit(main())
