# SPDX-License-Identifier: MIT
"""Descriptions compile without a warning, and mistakes in them are told in
words that a user understands, by gcc and clang.

    description_test.py ROOT
"""
import pathlib
import shutil
import subprocess
import sys

WARNINGS = ['-Wall', '-Wextra', '-Wconversion', '-Wsign-conversion',
            '-Wshadow', '-Wpedantic', '-Wundef', '-Werror']

FINE = r'''
#include <bide/json.h>
#include <bide/short.h>
#include <time.h>
struct bide_dependency { int unused; };
typedef struct connection connection;
static const struct bide_dependency transaction;
BIDE_ENUM(Size, small, BIDE_VALUE(very_large, "very large"));
BIDE_MODEL(Tree,
    BIDE_OPTIONS(.doc = "A tree, with commas", .closed = true),
    BIDE_FIELD(i64, n, .ge = 0, .le = 100, .multiple_of = 0.5),
    BIDE_FIELD(optional(bool), flag),
    BIDE_FIELD(Size, size, .def = "very large"),
    BIDE_FIELD(time, at),
    BIDE_FIELD(list(Tree), kids, .def = "[]"));
BIDE_MODEL(Unused, BIDE_FIELD(str, text));
enumeration(Colour, red);
model(Input,
    options(.doc = "An input"),
    path(i64, shop, .ge = 1),
    query(bool, dry, .def = "false"),
    query(optional(list(str)), words),
    header(str, x_token), cookie(str, session), form(Colour, colour),
    body(Tree, tree), field(optional(u64), plain),
    dep(connection, db, transaction));
int main(void)
{
    const Input input = {.shop = 1, .n_words = 2, .has_words = true,
                         .tree = {.size = Size_very_large}};
    int path = 1, field = 2; /* the short names take no others */
    return (int)input.shop + path + field +
        (bide_model_Input.n_fields == 9 ? 0 : 1) +
        (input.db == 0 ? 0 : 1);
}
'''

# What is wrong, and what must be in the message.
WRONG = {
    'a type that does not exist':
        ('BIDE_FIELD(Adress, home)', 'bide_type_Adress'),
    'an option that does not exist':
        ('BIDE_FIELD(i64, n, .least = 1)', 'least'),
    'a text for a number':
        ('BIDE_FIELD(i64, n, .ge = "1")', 'char'),
    'a number for a text':
        ('BIDE_FIELD(i64, n, .def = 1)', 'const char *'),
    'a name twice':
        ('BIDE_FIELD(i64, n), BIDE_FIELD(i64, n)', 'duplicate member'),
    'a dependency that does not exist':
        ('BIDE_DEP(connection, db, transactoin)', 'transactoin'),
    '65 fields':
        (', '.join(f'BIDE_FIELD(i64, n{i})' for i in range(65)),
         'a BIDE_MODEL has at most 64 fields'),
}
LARGEST = ', '.join(f'BIDE_FIELD(i64, n{i})' for i in range(64))


def compile_text(compiler, standard, text, root):
    return subprocess.run(
        [compiler, f'-std={standard}', *WARNINGS, '-fsyntax-only', '-x', 'c',
         '-I', str(root / 'include'), '-'],
        input=text, capture_output=True, text=True)


def model_of(fields):
    return ('#include <bide/model.h>\ntypedef struct connection connection;\n'
            f'BIDE_MODEL(Model, {fields});\n')


def cases(root):
    """Names of tests, and what went wrong or None."""
    for compiler in filter(shutil.which, ['gcc', 'clang']):
        for standard in ['c11', 'gnu11', 'gnu2x']:
            for what, text in [('descriptions', FINE),
                               ('64 fields', model_of(LARGEST))]:
                run = compile_text(compiler, standard, text, root)
                yield (f'{compiler} -std={standard} compiles {what}',
                       run.stderr)
        for what, (fields, message) in WRONG.items():
            run = compile_text(compiler, 'gnu11', model_of(fields), root)
            told = run.returncode != 0 and message in run.stderr
            yield (f'{compiler} refuses {what}',
                   '' if told else f'no "{message}" in: {run.stderr}')


def main():
    results = list(cases(pathlib.Path(sys.argv[1])))
    print(f'1..{len(results)}')
    for number, (name, complaint) in enumerate(results, 1):
        for line in complaint.splitlines():
            print('#', line)
        print('not ok' if complaint else 'ok', number, '-', name)
    return 1 if any(complaint for _, complaint in results) else 0


if __name__ == '__main__':
    sys.exit(main())
