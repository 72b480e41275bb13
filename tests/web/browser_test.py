#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The description of an application is valid, and its pages work in a browser.

    browser_test.py OPENAPI_TEST USERS

The description is judged by openapi-spec-validator (from PyPI) where Python
has it, its schemas by python3-jsonschema; the pages are used in Chromium. What
is not there is skipped, and said.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import browser  # noqa: E402

USERS = os.path.abspath(sys.argv.pop())
OPENAPI_TEST = os.path.abspath(sys.argv.pop())


class Server:
    """A program that says where it listens, until the end of a test."""

    def __init__(self, test, command, pattern, stream, **environment):
        self.process = subprocess.Popen(
            command, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**os.environ, **environment})
        test.addCleanup(self.end)
        for line in getattr(self.process, stream):
            found = re.search(pattern, line)
            if found:
                self.url = f'http://127.0.0.1:{found.group(1)}'
                return
        raise RuntimeError('the server says no port')

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()


def described(test):
    return Server(test, [OPENAPI_TEST, 'browser'], r'port (\d+)', 'stdout',
                  OPENAPI_SERVE='1', BIDE_BACKEND='epoll')


def users(test):
    directory = tempfile.TemporaryDirectory()
    test.addCleanup(directory.cleanup)
    return Server(test, [USERS], r':(\d+)$', 'stderr', PORT='0',
                  DATABASE_URL=f'sqlite:///{directory.name}/users.db')


def fetch(url):
    with urllib.request.urlopen(url, timeout=20) as reply:
        return json.load(reply)


def references(value):
    if isinstance(value, dict):
        if '$ref' in value:
            yield value['$ref']
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


class Description(unittest.TestCase):
    def setUp(self):
        self.documents = [fetch(described(self).url + '/openapi.json'),
                          fetch(users(self).url + '/openapi.json')]

    def test_every_reference_leads_somewhere(self):
        for document in self.documents:
            schemas = document['components']['schemas']
            for reference in references(document):
                self.assertIn(reference.rpartition('/')[2], schemas)

    def test_operations_have_names_of_their_own(self):
        for document in self.documents:
            names = [operation['operationId']
                     for methods in document['paths'].values()
                     for operation in methods.values()]
            self.assertEqual(len(names), len(set(names)))

    def test_it_is_valid(self):
        try:
            import openapi_spec_validator
        except ImportError:
            self.skipTest('openapi-spec-validator is not installed')
        for document in self.documents:
            openapi_spec_validator.validate(document)

    def test_its_schemas_are_valid(self):
        try:
            import jsonschema
        except ImportError:
            self.skipTest('python3-jsonschema is not installed')
        for document in self.documents:
            for schema in document['components']['schemas'].values():
                jsonschema.Draft202012Validator.check_schema(schema)


@unittest.skipUnless(browser.chromium(), 'chromium is not installed')
class Pages(unittest.TestCase):
    def test_a_request_is_tried_on_the_page_of_the_description(self):
        url = described(self).url
        with browser.Browser() as page:
            page.open(url + '/docs')
            page.wait('document.body.dataset.ready')
            self.assertEqual(page.evaluate('document.title'), 'A "shop"')
            text = page.evaluate('document.body.innerText')
            self.assertIn('Sells <b>things</b>', text)  # and no tags
            self.assertIn('Create Item', text)
            operation = ('document.getElementById('
                         '"create_item_shops__shop__items_post")')
            page.evaluate(f'{operation}.open = true')
            page.evaluate(
                f'{operation}.querySelector("[name=\'header x-token\']")'
                '.value = "me"')
            page.evaluate(f'{operation}.querySelector("button").click()')
            reply = page.wait(
                f'{operation}.querySelector(".reply").textContent')
            self.assertIn('201', reply.splitlines()[0])
            self.assertIn('"name": "tea"', reply)
            # What is not valid is told, too.
            page.evaluate(
                f'{operation}.querySelector("textarea").value = "{{}}"')
            page.evaluate(
                f'{operation}.querySelector(".reply").textContent = ""')
            page.evaluate(f'{operation}.querySelector("button").click()')
            reply = page.wait(
                f'{operation}.querySelector(".reply").textContent')
            self.assertIn('422', reply.splitlines()[0])
            for asked in page.requests:
                self.assertTrue(asked.startswith((url, 'about:', 'data:')),
                                asked)

    def test_who_registers_appears_on_the_page_of_the_users(self):
        url = users(self).url
        with browser.Browser() as page:
            page.open(url + '/')
            page.wait('document.body.dataset.ready')
            urllib.request.urlopen(urllib.request.Request(
                url + '/register', headers={
                    'Content-Type': 'application/json'},
                data=b'{"name": "<b>Ada</b>", "email": "a@b.org"}'))
            page.wait('document.querySelector("li") !== null')
            self.assertEqual(
                page.evaluate('document.querySelector("li").textContent'),
                '<b>Ada</b> <a@b.org>')
            page.evaluate('form.elements.name.value = "Grace";'
                          'form.elements.email.value = "nowhere";'
                          'form.querySelector("button").click()')
            self.assertIn('pattern', page.wait('said.textContent'))
            page.evaluate('form.elements.email.value = "g@h.org";'
                          'form.querySelector("button").click()')
            page.wait('document.querySelectorAll("li").length == 2')


if __name__ == '__main__':
    unittest.main()
