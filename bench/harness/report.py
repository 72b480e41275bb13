# SPDX-License-Identifier: MIT
"""Medians, spreads, ratios and verdicts, as text and as JSON."""
import statistics


def values(samples, name, key):
    """A contender's figures, one a round; None where a round gave none."""
    return [one.get(key) if one else None for one in samples.get(name, ())]


def median(numbers):
    known = [number for number in numbers if number is not None]
    return statistics.median(known) if known else None


def ratio(samples, key, subject, peer):
    """The median of subject / peer, round by round: what slows the machine
    down for a while slows both."""
    pairs = zip(values(samples, subject, key), values(samples, peer, key))
    return median([ours / theirs for ours, theirs in pairs
                   if ours is not None and theirs])


def row(samples, key, name, subjects):
    numbers = [one for one in values(samples, name, key) if one is not None]
    if not numbers:
        return None
    middle = statistics.median(numbers)
    return {
        'name': name, 'median': middle, 'values': numbers,
        'spread': (max(numbers) - min(numbers)) / middle if middle else 0.0,
        'ratios': {subject: ratio(samples, key, subject, name)
                   for subject in subjects}}


def verdict(samples, key, bound):
    """A bound, what was measured for it, and whether it holds."""
    if bound.peer:
        what = f'{bound.subject} / {bound.peer}'
        measured = ratio(samples, key, bound.subject, bound.peer)
    else:
        what = bound.subject
        measured = median(values(samples, bound.subject, key))
    if measured is None:
        passed = None
    else:
        passed = measured < bound.limit or (
            measured == bound.limit and not bound.below)
    return {'what': what, 'measured': measured, 'limit': bound.limit,
            'below': bound.below, 'passed': passed}


def table(claim, case, metric, samples):
    names = [contender.name for contender in case.contenders]
    subjects = [name for name in names if name.startswith('bide')]
    rows = [row(samples, metric.key, name, subjects) for name in names]
    bounds = [bound for bound in metric.bounds
              if case.bounded and bound.case in ('', case.title)
              and {bound.subject, bound.peer} <= {'', *samples}]
    return {'claim': claim.number, 'title': claim.title, 'case': case.title,
            'metric': metric.title, 'key': metric.key,
            'subjects': subjects, 'rows': [one for one in rows if one],
            'bounds': [verdict(samples, metric.key, one) for one in bounds]}


def number(value):
    """Four digits of what matters."""
    if value is None:
        return '-'
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    if abs(value) >= 1000:
        return f'{value:,.0f}'
    return f'{value:.4g}'


def print_machine(machine):
    width = max(map(len, machine))
    for name, text in machine.items():
        print(f'{name:{width}}  {text}')


def print_table(one):
    case = f' [{one["case"]}]' if one['case'] else ''
    print(f'\n{one["claim"]}. {one["title"]}{case}: {one["metric"]}')
    if not one['rows']:
        print('   nothing was measured')
        return
    heads = [f'{subject} / it' for subject in one['subjects']]
    print(f'   {"":26} {"median":>10} {"spread":>8}'
          + ''.join(f'  {head:>20}' for head in heads))
    for line in one['rows']:
        shares = ''.join(f'  {number(line["ratios"][subject]):>20}'
                         for subject in one['subjects'])
        print(f'   {line["name"]:26} {number(line["median"]):>10}'
              f' {line["spread"]:>8.1%}{shares}')
    for bound in one['bounds']:
        word = {True: 'pass', False: 'MISS', None: 'open'}[bound['passed']]
        limit = ('below ' if bound['below'] else 'at most ') \
            + number(bound['limit'])
        print(f'   {word}: {bound["what"]} = {number(bound["measured"])}, '
              f'{limit}')
