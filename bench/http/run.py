#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure bide's HTTP against its peers, on this machine.

    bench/http/run.py                    every line, 5 rounds of 3 s
    bench/http/run.py --line plaintext   one of them
    bench/http/run.py --quick            1 round of 1 s: to see that it runs
    bench/http/run.py --json out.json    the figures for other programs

In each round every server of a line is started, loaded and stopped, one after
the other, in an order that moves on by one each round. A figure is the median
of the rounds, a ratio the median of the rounds' ratios. Ends with 1 if a
bound was missed. bench/http/README.md says what each line measures.
"""
import argparse
import json
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from harness import build, measure, report  # noqa: E402
import lines  # noqa: E402
import load  # noqa: E402
import servers  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(
        description="Measure bide's HTTP against its peers.")
    names = [line.name for line in lines.LINES]
    parser.add_argument('--line', action='append', choices=names,
                        metavar='NAME',
                        help='only this line: ' + ', '.join(names))
    parser.add_argument('--only', action='append', metavar='NAME',
                        help='only servers whose name contains this')
    parser.add_argument('--rounds', type=int, metavar='N',
                        help='rounds of each line (5, quick: 1)')
    parser.add_argument('--seconds', type=int, metavar='N',
                        help='of each load (3, quick: 1)')
    parser.add_argument('--quick', action='store_true',
                        help='figures not to be quoted')
    parser.add_argument('--build-dir', type=pathlib.Path, metavar='DIR',
                        default=ROOT / 'build' / 'benchmarks',
                        help='where to build (build/benchmarks)')
    parser.add_argument('--json', type=pathlib.Path, metavar='FILE',
                        help='write everything here as well')
    options = parser.parse_args()
    options.build_dir = options.build_dir.resolve()
    options.python = options.uvloop_python = None
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.seconds = options.seconds or (1 if options.quick else 3)
    return options


def run_line(bench, line, options):
    """Figures by server, one entry a round, and the reasons for gaps."""
    taking_part = [name for name in line.servers
                   if not options.only or any(part in name
                                              for part in options.only)]
    samples = {name: [] for name in taking_part}
    gaps = {}
    for turn in range(options.rounds):
        first = turn % max(len(taking_part), 1)
        for name in taking_part[first:] + taking_part[:first]:
            found = None
            if name not in gaps:
                try:
                    value, speed = load.figure(bench, name, line)
                    found = {'value': value, 'speed': speed}
                except (build.Missing, measure.Failed) as reason:
                    gaps[name] = str(reason)
            samples[name].append(found)
    return samples, gaps


def verdicts(line, samples):
    """(what, measured, limit, whether it holds) for each bound."""
    middle = report.median(report.values(samples, 'bide', 'value'))
    if line.below and middle is not None:
        yield 'bide', middle, line.below, middle < line.below
    for peer, limit in line.bounds:
        ratio = report.ratio(samples, 'value', 'bide', peer)
        if ratio is not None:
            yield f'bide / {peer}', ratio, limit, ratio <= limit


def print_line(line, samples, gaps):
    print(f'\n{line.name}: {line.title}, {line.unit}')
    for name in samples:
        row = report.row(samples, 'value', name, ['bide'])
        if not row:
            continue
        speed = report.median(report.values(samples, name, 'speed'))
        print(f'   {name:16} {report.number(row["median"]):>10}'
              f' {row["spread"]:>8.1%}  bide / it'
              f' {report.number(row["ratios"]["bide"]):>8}'
              f'  {speed:>10,.0f} /s')
    held = []
    for what, measured, limit, holds in verdicts(line, samples):
        held.append(holds)
        print(f'   {"pass" if holds else "MISS"}: {what} = '
              f'{report.number(measured)}, at most {report.number(limit)}')
    for name, reason in gaps.items():
        print(f'   left out: {name}: {reason}')
    sys.stdout.flush()
    return held


def main():
    options = arguments()
    programs = servers.HttpPrograms(ROOT, options.build_dir, options)
    machine = build.machine(ROOT, programs)
    machine['rounds'] = f'{options.rounds} of {options.seconds} s' + (
        ', quick: figures are not to be quoted' if options.quick else '')
    report.print_machine(machine)
    held, all_samples = [], {}
    with tempfile.TemporaryDirectory(prefix='bide-bench-http-') as work:
        pathlib.Path(work).chmod(0o755)  # some servers become nobody
        site = servers.Site(pathlib.Path(work))
        bench = load.Bench(programs, site, options.seconds, options.quick)
        for line in lines.LINES:
            if options.line and line.name not in options.line:
                continue
            samples, gaps = run_line(bench, line, options)
            all_samples[line.name] = samples
            held += print_line(line, samples, gaps)
    print(f'\n{sum(held)} of {len(held)} bounds hold')
    if options.json:
        options.json.write_text(json.dumps(
            {'machine': machine, 'lines': all_samples}, indent=2) + '\n')
    return 0 if all(held) else 1


if __name__ == '__main__':
    sys.exit(main())
