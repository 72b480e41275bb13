#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Each check of tools/ finds what it is there to find.

A check that always passes looks like one that works. So each gets a small
tree with one fault in it, and the same tree without.
"""
import pathlib
import subprocess
import sys
import tempfile

TOOLS = pathlib.Path(__file__).resolve().parents[2] / 'tools'
SPDX = '/* SPDX-License-Identifier: MIT */\n'
DOC = '''/*
 * bide_x — do x.
 *
 * Returns:  0.
 * Suspends: never.
 * Thread:   any.
 */
BIDE_API int bide_x(void);
'''
WAIT = '''/*
 * bide_x — wait.
 *
 * Suspends: always.
 * Cancel:   safe.
 * Thread:   any.
 */
BIDE_API BIDE_SUSPENDS void bide_x(void);
'''
FUNCTION = 'int f(void)\n{\n%s}\n'
PROGRAM = '''int g(void);

int f(void)
{
    /* [sum] */
    int x = 1 + 1;
    /* [sum] */
    return x;
}
'''
BLOCK = '<!-- examples/x.c%s -->\n```c\n%s```\n'
SUM = 'int x = 1 + 1;\n'

# Files that are beside the one of the case, for checks that compare.
BESIDE = {
    'snippets': {'examples/x.c': PROGRAM,
                 'examples/quickstart/1_x.out': 'one\n'},
    'pages': {'include/bide.h': '#include <bide/like.h>\n',
              'include/bide/x.h': DOC, 'src/base/x.c': 'int bide__y;\n',
              'docs/b.md': '# A long-ish Title\n',
              'docs/from-asyncio.md': 'bide_x\n'},
}

# What is tested, the check, a file, its text, and words of the complaint or
# None where there must not be one.
CASES = [
    ('a layer includes a lower one', 'layers',
     'src/task/a.c', '#include "engine/engine.h"\n', None),
    ('a layer includes a higher one', 'layers',
     'src/engine/a.c', '#include "task/task.h"\n', 'task is not below'),
    ('a layer includes its neighbour', 'layers',
     'src/io/a.c', '#include "sync/queue.h"\n', 'sync is not below'),
    ('a layer includes a file without naming the layer', 'layers',
     'src/io/a.c', '#include "io.h"\n', 'layer/file.h'),
    ('a layer includes a library of its own', 'layers',
     'src/io/a.c', '#include "testing/testing.h"\n', 'is not below'),
    ('a library of its own includes a layer', 'layers',
     'src/testing/a.c', '#include "base/base.h"\n', 'use public headers'),
    ('a directory is no layer', 'layers', 'src/misc/a.c', '\n', 'not a layer'),
    ('a public header includes a private one', 'layers',
     'include/bide/a.h', '#include "base/base.h"\n', 'only public headers'),
    ('an example includes a private header', 'layers',
     'examples/a.c', '#include "base/base.h"\n', 'only public headers'),

    ('80 columns', 'style', 'src/base/a.c',
     SPDX + f'/* {"x" * 74} */\n', None),
    ('81 columns', 'style', 'src/base/a.c',
     SPDX + f'/* {"x" * 75} */\n', '81 columns'),
    ('80 columns of letters that take two bytes', 'style', 'src/base/a.c',
     SPDX + f'/* {"ä" * 74} */\n', None),
    ('a tab', 'style', 'src/base/a.c', SPDX + '\tint x;\n', 'a tab'),
    ('a space at the end', 'style', 'README.md', 'x \n', 'ends in a space'),
    ('no newline at the end', 'style', 'README.md', 'x', 'one newline'),
    ('no licence', 'style', 'src/base/a.c', 'int x;\n', 'first line'),
    ('something undone', 'style', 'src/base/a.c',
     SPDX + '/* TO' + 'DO: more */\n', 'left in'),
    ('a template of mkstemp', 'style', 'src/base/a.c',
     SPDX + 'char name[] = "bide-X' + 'XXXXX";\n', None),
    ('a path of one machine', 'style', 'docs/a.md',
     'see /ro' + 'ot/bide\n', 'one machine'),
    ('a function of 70 lines', 'style', 'src/base/a.c',
     SPDX + FUNCTION % ('    ;\n' * 70), None),
    ('a function of 71 lines', 'style', 'src/base/a.c',
     SPDX + FUNCTION % ('    ;\n' * 71), '71 lines'),
    ('malloc', 'style', 'src/io/a.c',
     SPDX + 'void *p = malloc(1);\n', 'malloc() is called'),
    ('free', 'style', 'src/io/a.c', SPDX + 'free (p);\n', 'free() is called'),
    ('strdup', 'style', 'src/io/a.c',
     SPDX + 'p = strdup(q);\n', 'strdup() is called'),
    ('malloc in a comment, and names that end so', 'style', 'src/io/a.c',
     SPDX + '/* as malloc() */ bide__free(p); allocator->free(p);\n', None),
    ('malloc in the allocator', 'style', 'src/base/alloc.c',
     SPDX + 'void *p = malloc(1);\n', None),

    ('a complete comment', 'docs', 'include/bide/a.h', DOC, None),
    ('a complete comment of what suspends', 'docs',
     'include/bide/a.h', WAIT, None),
    ('no comment', 'docs', 'include/bide/a.h',
     'BIDE_API int bide_x(void);\n', 'no comment'),
    ('a comment of another function', 'docs', 'include/bide/a.h',
     DOC.replace('bide_x —', 'bide_y —'), 'no comment'),
    ('no Returns', 'docs', 'include/bide/a.h',
     DOC.replace('Returns', 'Gives'), '"Returns:"'),
    ('no Suspends', 'docs', 'include/bide/a.h',
     DOC.replace(' * Suspends: never.\n', ''), '"Suspends:"'),
    ('no Suspends, said for the whole header', 'docs', 'include/bide/a.h',
     '/* Suspends: never; no function of this\n * header does. */\n'
     + DOC.replace(' * Suspends: never.\n', ''), None),
    ('no Thread', 'docs', 'include/bide/a.h',
     DOC.replace('Thread', 'Where'), '"Thread:"'),
    ('no Cancel', 'docs', 'include/bide/a.h',
     WAIT.replace('Cancel', 'Abort'), '"Cancel:"'),
    ('says never, and suspends', 'docs', 'include/bide/a.h',
     WAIT.replace('always', 'never'), 'contradicts'),
    ('says always, and does not', 'docs', 'include/bide/a.h',
     DOC.replace('never', 'always'), 'contradicts'),

    ('a source that is not listed', 'lists',
     'src/base/a.c', SPDX, 'src/meson.build'),
    ('a test that is not listed', 'lists',
     'tests/base/a_test.c', SPDX, 'tests/meson.build'),
    ('an example without its output', 'lists',
     'examples/a.c', SPDX, '.out'),
    ('an example of a subdirectory that is not listed', 'lists',
     'examples/a/b.c', SPDX, 'examples/meson.build'),

    ('a whole file', 'snippets', 'docs/a.md', BLOCK % ('', PROGRAM), None),
    ('a file that has changed since', 'snippets', 'docs/a.md',
     BLOCK % ('', PROGRAM.replace('1 + 1', '2')), 'not what examples/x.c'),
    ('a function', 'snippets', 'docs/a.md',
     BLOCK % (' f', PROGRAM.split('\n\n')[1]), None),
    ('a function that has changed since', 'snippets', 'docs/a.md',
     BLOCK % (' f', 'int f(void)\n{\n}\n'), 'not what examples/x.c'),
    ('a region', 'snippets', 'docs/a.md', BLOCK % (' sum', SUM), None),
    ('a region that has changed since', 'snippets', 'docs/a.md',
     BLOCK % (' sum', SUM + SUM), 'not what examples/x.c'),
    ('a part that is not there', 'snippets', 'docs/a.md',
     BLOCK % (' h', 'int h;\n'), 'no part h'),
    ('a file that is not there', 'snippets', 'docs/a.md',
     '<!-- examples/y.c -->\n```c\n```\n', 'no examples/y.c'),
    ('C of no file, where one learns', 'snippets', 'docs/guide/a.md',
     '```c\nint x;\n```\n', 'without a mark'),
    ('C of no file elsewhere', 'snippets', 'docs/a.md',
     '```c\nint x;\n```\n', None),
    ('the output at the end of a program', 'snippets',
     'examples/quickstart/1_x.c',
     '/* Expected output:\n *\n *     one\n */\n', None),
    ('another output at the end of a program', 'snippets',
     'examples/quickstart/1_x.c',
     '/* Expected output:\n *\n *     two\n */\n', 'comment at the end'),

    ('a name of the headers', 'pages', 'docs/guide/a.md', '`bide_x()`', None),
    ('a name of no header', 'pages', 'docs/guide/a.md', '`bide_z()`',
     'bide_z is not in the public headers'),
    ('an internal name, for users', 'pages', 'docs/guide/a.md', '`bide__y`',
     'bide__y is not in the public headers'),
    ('an internal name, for contributors', 'pages', 'docs/internals/a.md',
     '`bide__y`', None),
    ('the beginning of names', 'pages', 'docs/guide/a.md', 'bide_*', None),
    ('the beginning of no name', 'pages', 'docs/guide/a.md', 'bide_z_*',
     'bide_z_* is not'),
    ('a link to a page and a heading', 'pages', 'docs/a.md',
     '[b](b.md#a-long-ish-title)', None),
    ('a link to nothing', 'pages', 'docs/a.md', '[c](c.md)', 'no c.md'),
    ('a link to no heading', 'pages', 'docs/a.md', '[b](b.md#title)',
     'no heading #title'),
    ('a link to elsewhere', 'pages', 'docs/a.md',
     '[e](https://example.org/c.md)', None),
    ('a function of asyncio that the comparison names', 'pages',
     'include/bide/like.h', '/*\n * bide_x — x.\n * Like: x.\n */\n', None),
    ('a function of asyncio that the comparison lacks', 'pages',
     'include/bide/like.h',
     '/*\n * bide_new — x.\n *\n * Like: x.\n */\n',
     'bide_new is not in from-asyncio.md'),
    ('a function of ours alone', 'pages', 'include/bide/like.h',
     '/*\n * bide_new — x.\n */\n/*\n * bide_x — x.\n * Like: x.\n */\n',
     None),
]


def complaint(check, path, text):
    """What the check says of a tree with this file and those beside it."""
    with tempfile.TemporaryDirectory() as root:
        for name, content in {**BESIDE.get(check, {}), path: text}.items():
            file = pathlib.Path(root) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        run = subprocess.run(
            [sys.executable, TOOLS / f'check_{check}.py', root],
            capture_output=True, text=True)
    if run.stderr or run.returncode != (1 if run.stdout else 0):
        return f'exit status {run.returncode}: {run.stderr}'
    return run.stdout


def main():
    print(f'1..{len(CASES)}')
    failed = False
    for number, (what, check, path, text, words) in enumerate(CASES, 1):
        said = complaint(check, path, text)
        good = words in said if words else not said
        if not good:
            print(f'# it said: {said!r}')
        print('ok' if good else 'not ok', number, f'- {check}: {what}')
        failed = failed or not good
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
