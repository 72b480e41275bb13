#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Includes go one way: base <- arch <- engine <- task <- {sync, io}, and
io <- {file, process}. The libraries tls, http and testing stand above all of
them and use the core by its public headers alone.

A file of src/ may include its own layer, lower ones and public headers. A
public header includes only public ones; so do examples and benchmarks, which
are users like any other (but may have headers of their own).
"""
import re

import sources

HEIGHT = {'base': 0, 'arch': 1, 'engine': 2, 'task': 3, 'sync': 4, 'io': 4,
          'file': 5, 'process': 5, 'tls': 6, 'http': 6, 'sql': 6,
          'redis': 6,
          'model': 6,
          'sqlite': 7, 'jobs': 7, 'postgres': 7,
          'web': 8, 'testing': 6}
# Libraries of their own: what the core hides is not there for them.
APART = {'tls', 'http', 'model', 'web', 'testing', 'sql', 'sqlite', 'redis', 'jobs',
         'postgres'}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def complaint_in_layer(layer, quote, name):
    if quote == '<':
        return None
    target = name.split('/')[0]
    if '/' not in name or target not in HEIGHT:
        return f'"{name}" is not of the form "layer/file.h"'
    if layer in APART and target != layer:
        return f'{layer} may not include "{name}": use public headers'
    if target == layer or HEIGHT[target] < HEIGHT[layer]:
        return None
    return f'{layer} may not include "{name}": {target} is not below it'


def complaint_in_public(area, quote, name):
    private = not HEIGHT.keys().isdisjoint(name.split('/')[:-1])
    if quote == '"' and (area == 'include' or private):
        return f'only public headers may be included here, not "{name}"'
    return None


def check(root):
    patterns = ['src/*/*.[chS]', 'include/**/*.h', 'examples/**/*.[ch]',
                'demo/*.[ch]', 'bench/*.c', 'tools/bide/*.[ch]']
    for source in sources.sources(root, patterns):
        area, layer = source.path.split('/')[:2]
        if area == 'src' and layer not in HEIGHT:
            yield source.path, 1, f'{layer} is not a layer'
            continue
        for found in INCLUDE.finditer(source.text):
            quote, name = found.groups()
            if area == 'src':
                what = complaint_in_layer(layer, quote, name)
            else:
                what = complaint_in_public(area, quote, name)
            if what:
                yield source.path, source.line_at(found.start(1)), what


if __name__ == '__main__':
    sources.main(check)
