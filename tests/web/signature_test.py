#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A handler of a wrong type does not compile, and the message says the right
one.

    signature_test.py ROOT COMPILER...
"""
import subprocess
import sys
import unittest

ROOT, COMPILER = sys.argv[1], sys.argv[2:]
del sys.argv[1:]

BEGIN = '''
#include <bide/web.h>
BIDE_MODEL(In, BIDE_PATH(i64, id));
BIDE_MODEL(Other, BIDE_PATH(i64, id));
BIDE_MODEL(Out, BIDE_FIELD(str, name));
typedef int Db;
'''


def complaints(program):
    done = subprocess.run(
        [*COMPILER, '-std=c11', '-Wall', '-Wextra', '-fsyntax-only',
         f'-I{ROOT}/include', '-x', 'c', '-'],
        input=BEGIN + program, text=True, capture_output=True, check=False)
    return done.stderr


class Signatures(unittest.TestCase):
    def test_the_right_ones_compile_without_a_word(self):
        self.assertEqual(complaints('''
int handler(bide_web_request *r, const In *in, Out *out);
int talk(bide_web_request *r, const In *in, bide_websocket *ws);
int open_db(bide_web_request *r, const In *in, Db **ret);
BIDE_DEPENDENCY(db, open_db, In, Db);
void add(bide_web_app *app);
void add(bide_web_app *app)
{
    BIDE_WEB_GET(app, "/{id}", handler, In, Out);
    BIDE_WEB_POST(app, "/{id}", handler, In, Out, .status = 201,
                  .tags = "a,b");
    BIDE_WEB_SOCKET(app, "/{id}/talk", talk, In);
}
'''), '')

    def test_another_input_does_not(self):
        text = complaints('''
int handler(bide_web_request *r, const Other *in, Out *out);
void add(bide_web_app *app)
{
    BIDE_WEB_GET(app, "/{id}", handler, In, Out);
}
''')
        self.assertIn('handler must be of type int(bide_web_request *, '
                      'const In *, Out *)', text.replace('" "', ''))

    def test_an_input_that_can_be_written_does_not(self):
        self.assertIn('must be of type', complaints('''
int handler(bide_web_request *r, In *in, Out *out);
void add(bide_web_app *app)
{
    BIDE_WEB_GET(app, "/{id}", handler, In, Out);
}
'''))

    def test_a_dependency_of_another_type_does_not(self):
        self.assertIn('must be of type', complaints('''
int open_db(bide_web_request *r, const In *in, Out **ret);
BIDE_DEPENDENCY(db, open_db, In, Db);
'''))

    def test_a_socket_s_handler_of_another_type_does_not(self):
        self.assertIn('must be of type', complaints('''
int talk(bide_web_request *r, const In *in, Out *out);
void add(bide_web_app *app)
{
    BIDE_WEB_SOCKET(app, "/", talk, In);
}
'''))


if __name__ == '__main__':
    unittest.main()
