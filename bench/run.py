#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure what bide claims, against its peers, on this machine.

    bench/run.py                     every claim, 5 rounds
    bench/run.py --claim 6           one of them
    bench/run.py --quick             less work, 3 rounds: to see that it runs
    bench/run.py --json out.json     the figures for other programs

In each round every contender of a case runs once, one after the other, in an
order that moves on by one each round. A figure is the median of the rounds, a
ratio the median of the rounds' ratios. Ends with 1 if a bound was missed or
could not be measured. bench/README.md says what each claim measures.
"""
import argparse
import json
import pathlib
import sys

from harness import build, claims, measure, report

ROOT = pathlib.Path(__file__).resolve().parent.parent


def arguments():
    parser = argparse.ArgumentParser(
        description='Measure what bide claims, against its peers.')
    parser.add_argument('--claim', type=int, action='append', metavar='N',
                        help='only this claim; may be given several times')
    parser.add_argument('--only', action='append', metavar='NAME',
                        help='only contenders whose name contains this')
    parser.add_argument('--rounds', type=int, metavar='N',
                        help='rounds of each case (5, quick: 3)')
    parser.add_argument('--quick', action='store_true',
                        help='a tenth of the work: figures not to be quoted')
    parser.add_argument('--one-cpu', action='store_true',
                        help="put clients on the server's processor")
    parser.add_argument('--build-dir', type=pathlib.Path, metavar='DIR',
                        default=ROOT / 'build' / 'benchmarks',
                        help='where to build (build/benchmarks)')
    parser.add_argument('--json', type=pathlib.Path, metavar='FILE',
                        help='write everything here as well')
    parser.add_argument('--python', metavar='PATH',
                        help='the interpreter for asyncio')
    parser.add_argument('--uvloop-python', metavar='PATH',
                        help='the interpreter that has uvloop')
    options = parser.parse_args()
    options.build_dir = options.build_dir.resolve()
    if options.rounds is None:
        options.rounds = 3 if options.quick else 5
    if options.rounds < 1:
        parser.error('--rounds must be at least 1')
    known = [claim.number for claim in claims.all_claims(options.quick)]
    for number in options.claim or ():
        if number not in known:
            parser.error(f'there is no claim {number}, they are {known[0]} to '
                         f'{known[-1]}')
    return options


def wanted(contender, only):
    return not only or any(part in contender.name for part in only)


def run_once(programs, case, contender, options):
    command = programs.command(contender.program) + list(contender.args)
    load = contender.load or case.load
    measure.use_memory(case.memory)
    if not load:
        return measure.run_program(command, contender.env, contender.pair)
    client = programs.command('c:echo_client')
    return measure.run_server(command, contender.env, client, load,
                              options.one_cpu)


def run_case(programs, case, options):
    """Figures by contender, one entry a round, and the reasons for gaps."""
    taking_part = [one for one in case.contenders
                   if wanted(one, options.only)]
    samples = {one.name: [] for one in taking_part}
    gaps = {}
    for turn in range(options.rounds):
        first = turn % max(len(taking_part), 1)
        for one in taking_part[first:] + taking_part[:first]:
            figures = None
            if one.name not in gaps:
                try:
                    figures = run_once(programs, case, one, options)
                except (build.Missing, measure.Failed) as reason:
                    gaps[one.name] = str(reason)
            samples[one.name].append(figures)
        if sys.stderr.isatty():
            print(f'\r   round {turn + 1} of {options.rounds}', end='',
                  file=sys.stderr)
    if sys.stderr.isatty():
        print('\r' + ' ' * 40 + '\r', end='', file=sys.stderr)
    return samples, gaps


def main():
    options = arguments()
    programs = build.Programs(ROOT, options.build_dir, options)
    machine = build.machine(ROOT, programs)
    machine['rounds'] = f'{options.rounds}' + (
        ', quick: figures are not to be quoted' if options.quick else '')
    if options.one_cpu:
        machine['clients'] = "on the server's processor"
    report.print_machine(machine)
    tables, left_out = [], []
    for claim in claims.all_claims(options.quick):
        if options.claim and claim.number not in options.claim:
            continue
        for case in claim.cases:
            samples, gaps = run_case(programs, case, options)
            for metric in claim.metrics:
                tables.append(report.table(claim, case, metric, samples))
                report.print_table(tables[-1])
            for name, reason in gaps.items():
                print(f'   left out: {name}: {reason}')
                left_out.append({'claim': claim.number, 'case': case.title,
                                 'name': name, 'reason': reason})
            sys.stdout.flush()
    bounds = [bound for one in tables for bound in one['bounds']]
    held = sum(1 for bound in bounds if bound['passed'])
    print(f'\n{held} of {len(bounds)} bounds hold')
    if options.json:
        options.json.write_text(json.dumps(
            {'machine': machine, 'tables': tables, 'left_out': left_out},
            indent=2) + '\n')
    return 0 if held == len(bounds) else 1


if __name__ == '__main__':
    sys.exit(main())
