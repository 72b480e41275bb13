#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The reference says what the headers say, and troff understands it.

    apidoc_test.py ROOT
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

APIDOC = pathlib.Path(__file__).resolve().parents[2] / 'tools' / 'apidoc.py'
INTRO = '''/*
 * <bide/a.h> — sample things.
 *
 * What they are for.
%s */
'''
HEADER = INTRO + '''
BIDE_BEGIN

/* A thing. Zeroed is its initial state. */
typedef struct bide_thing {
    int count; /* of parts */
} bide_thing;

/* The most parts. */
#define BIDE_PARTS_MAX 7

#define BIDE_HIDDEN 1

/* ── Parts ─────────────────────────────────────────────────────────────── */

/*
 * bide_thing_take — take a part, or `all` of them.
 *
 * Waits for one. Shown as:
 *
 *     taken\\n
 *
 * Returns:  the part,
 *           or a negative code.
 *   thing     is borrowed
 *   ret_more   set on
 *              success
 * Suspends: always.
 * Cancel:   loses nothing.
 * Errors:   -EBADF  it is closed
 *           -ENOMEM
 * Thread:   the loop's.
 */
BIDE_API BIDE_SUSPENDS BIDE_NODISCARD int
bide_thing_take(bide_thing *thing, void (*more)(void *a, int b),
                bool *ret_more) BIDE_PRINTF(1, 2);

BIDE_END
'''
EXAMPLE = '''
static int unrelated(void)
{
    return 0;
}

static int take_one(bide_thing *thing)
{
    return bide_thing_take(thing, NULL, NULL);
}
'''
IN_HEADER = ''' *
 *     bide_thing thing = {0};
'''

# A page, what must be on it, and what must not be.
WORDS = [
    ('man3/bide_thing_take.3',
     ['.TH bide_thing_take 3 "" "bide 0.7.1" "bide"',
      'bide_thing_take \\- take a part, or \\fBall\\fP of them',
      '#include <bide/a.h>',
      'int bide_thing_take(bide_thing *thing, void (*more)(void *a, int b),\n'
      '    bool *ret_more);',
      'Take a part, or \\fBall\\fP of them.\n.PP\nWaits for one.',
      'taken\\en', '.TP\n.I ret_more\nset on success',
      '.SH RETURN VALUE\nthe part, or a negative code.',
      '\\-EBADF: it is closed\n.br\n\\-ENOMEM', 'Since bide 0.5.',
      'When cancelled: loses nothing.',
      'From examples/one.c:', 'return bide_thing_take(thing, NULL, NULL);'],
     ['BIDE_', 'unrelated']),
    ('man7/bide-a.7', ['bide-a \\- sample things', 'What they are for.',
                       '.BR bide_thing_take (3)', 'From examples/one.c:'], []),
    ('api/bide-a.md',
     ['# `<bide/a.h>` — sample things', '## Parts',
      'A thing. Zeroed is its initial state.\n\n```c\ntypedef struct',
      '#define BIDE_PARTS_MAX 7', '* `ret_more`: set on success',
      '### `bide_thing_take` — take a part, or `all` of them',
      '**Since:** 0.5'], ['BIDE_API', 'BIDE_HIDDEN']),
    ('api/README.md', ['[`<bide/a.h>`](bide-a.md): sample things'], []),
]


def make_tree(root, intro, example):
    for directory in ['include/bide', 'docs/api', 'examples']:
        (root / directory).mkdir(parents=True)
    (root / 'include/bide/a.h').write_text(HEADER % intro)
    (root / 'examples/one.c').write_text(example)
    (root / 'docs/api/symbols.txt').write_text('bide_thing_take 0.5\n')
    (root / 'meson.build').write_text("version: '0.7.1',\n")


def run(*arguments):
    return subprocess.run([sys.executable, APIDOC, *arguments], text=True,
                          capture_output=True)


def page_differs(page, wanted, unwanted):
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        make_tree(root, '', EXAMPLE)
        done = run(root, root / 'out')
        if done.returncode:
            return done.stderr
        text = (root / 'out' / page).read_text()
    wrong = [word for word in wanted if word not in text]
    wrong += [word for word in unwanted if word in text]
    return f'{wrong}\n{text}' if wrong else None


def check_differs(intro, example, complaint):
    """What is said of a tree, against what should be."""
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        make_tree(root, intro, example)
        done = run(root)
    good = (complaint in done.stdout and done.returncode == 1 if complaint
            else done.returncode == 0)
    return None if good else done.stdout + done.stderr


def pages_are_bad(root):
    """What troff has to say about the real pages."""
    with tempfile.TemporaryDirectory() as directory:
        done = run(root, directory)
        if done.returncode:
            return done.stderr
        pages = sorted(pathlib.Path(directory).glob('man?/*'))
        if len(pages) < 100:
            return f'only {len(pages)} pages'
        lint = subprocess.run(
            ['groff', '-K', 'utf8', '-man', '-T', 'utf8', '-ww', '-z', *pages],
            capture_output=True, text=True)
    return lint.stderr or None


def main():
    root = sys.argv[1]
    results = [(f'{page} says what the header says',
                page_differs(page, wanted, unwanted))
               for page, wanted, unwanted in WORDS]
    results += [
        ('an example in examples/ is enough',
         check_differs('', EXAMPLE, None)),
        ('an example in the header is enough',
         check_differs(IN_HEADER, '', None)),
        ('a page without an example is noticed',
         check_differs('', '', 'bide_thing_take is in no example')),
    ]
    has_groff = shutil.which('groff')
    results.append(('troff understands every page' if has_groff else
                    'troff understands every page # SKIP there is no groff',
                    pages_are_bad(root) if has_groff else None))
    print(f'1..{len(results)}')
    for number, (what, complaint) in enumerate(results, 1):
        if complaint:
            print('# ' + complaint.strip().replace('\n', '\n# '))
        print('not ok' if complaint else 'ok', number, '-', what)
    return 1 if any(complaint for _, complaint in results) else 0


if __name__ == '__main__':
    sys.exit(main())
