#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What TechEmpower's specification asks of the program, against PostgreSQL.

    techempower_test.py SCHEMA PROGRAM    beside tests/postgres/server.py
"""
import html.parser
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import unittest
import urllib.request

PROGRAM = os.path.abspath(sys.argv.pop())
SCHEMA = os.path.abspath(sys.argv.pop())
URL = os.environ['DATABASE_URL']
ADDED = 'Additional fortune added at request time.'


def psql(*words):
    """What a statement gives, one line a row."""
    return subprocess.run(
        [shutil.which('psql'), '-qAt', '-v', 'ON_ERROR_STOP=1', *words, URL],
        check=True, capture_output=True, text=True).stdout.splitlines()


class Table(html.parser.HTMLParser):
    """The cells of a page as rows, and all tags that are in it."""

    def __init__(self, page):
        super().__init__()
        self.rows, self.tags, self.text = [], set(), None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag == 'tr':
            self.rows.append([])
        elif tag in ('td', 'th'):
            self.text = ''

    def handle_data(self, data):
        if self.text is not None:
            self.text += data

    def handle_endtag(self, tag):
        if tag in ('td', 'th'):
            self.rows[-1].append(self.text)
            self.text = None


class Specification(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        psql('-f', SCHEMA)
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = probe.getsockname()[1]
        cls.url = f'http://127.0.0.1:{port}'
        cls.program = subprocess.Popen([PROGRAM], stderr=subprocess.PIPE,
                                       text=True,
                                       env={**os.environ, 'PORT': str(port)})
        cls.program.stderr.readline()  # it listens

    @classmethod
    def tearDownClass(cls):
        cls.program.send_signal(signal.SIGTERM)
        _, said = cls.program.communicate(timeout=20)
        assert cls.program.returncode == 0, said

    def get(self, path, kind):
        with urllib.request.urlopen(self.url + path, timeout=20) as reply:
            self.assertEqual(reply.status, 200)
            self.assertEqual(reply.headers['Content-Type'], kind)
            self.assertIsNotNone(reply.headers['Date'])
            text = reply.read()
            self.assertEqual(int(reply.headers['Content-Length']), len(text))
            return text.decode()

    def get_json(self, path):
        return json.loads(self.get(path, 'application/json'))

    def check_world(self, world):
        self.assertEqual(list(world), ['id', 'randomNumber'])
        for value in world.values():
            self.assertIs(type(value), int)
            self.assertIn(value, range(1, 10001))

    def stored(self):
        return {int(key): int(number) for key, number in (
            row.split('|') for row in psql(
                '-c', 'SELECT id, randomnumber FROM world'))}

    def test_db_gives_a_row_of_the_table(self):
        stored = self.stored()
        for _ in range(20):
            world = self.get_json('/db')
            self.check_world(world)
            self.assertEqual(stored[world['id']], world['randomNumber'])

    def test_db_chooses_another_row_each_time(self):
        self.assertGreater(len({self.get_json('/db')['id']
                                for _ in range(20)}), 5)

    def test_queries_gives_as_many_rows_as_are_asked_for(self):
        stored = self.stored()
        worlds = self.get_json('/queries?queries=20')
        self.assertEqual(len(worlds), 20)
        for world in worlds:
            self.check_world(world)
            self.assertEqual(stored[world['id']], world['randomNumber'])

    def test_the_number_of_queries_is_kept_within_1_and_500(self):
        for words, count in (
                ('', 1), ('?queries=', 1), ('?queries=foo', 1),
                ('?queries=0', 1), ('?queries=-3', 1), ('?queries=1', 1),
                ('?queries=500', 500), ('?queries=501', 500),
                ('?queries=99999999999999999999', 500)):
            for path in '/queries', '/updates':
                with self.subTest(path=path + words):
                    self.assertEqual(len(self.get_json(path + words)), count)

    def test_updates_stores_what_it_replies(self):
        before = self.stored()
        worlds = self.get_json('/updates?queries=500')
        after = self.stored()
        for world in worlds:
            self.check_world(world)
            self.assertEqual(after[world['id']], world['randomNumber'])
        told = {world['id'] for world in worlds}
        self.assertEqual(len(told), 500)
        self.assertGreater(sum(before[key] != after[key] for key in told), 400)
        for key in set(before) - told:
            self.assertEqual(before[key], after[key])

    def test_updates_at_once_do_not_get_stuck(self):
        clients = [subprocess.Popen(
            ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code} ',
             self.url + '/updates?queries=500' + '&n=[1-5]'],
            stdout=subprocess.PIPE, text=True) for _ in range(8)]
        for client in clients:
            out, _ = client.communicate(timeout=40)
            self.assertEqual(out.split(), ['200'] * 5)

    def test_fortunes_are_escaped_and_sorted_with_one_more(self):
        page = self.get('/fortunes', 'text/html; charset=utf-8')
        self.assertTrue(page.startswith('<!DOCTYPE html><html>'))
        self.assertIn('&lt;script&gt;alert(&quot;This must not run.&quot;);'
                      '&lt;/script&gt;', page)
        self.assertIn('names, caches &amp; counting', page)
        table = Table(page)
        self.assertEqual(table.tags, {'html', 'head', 'title', 'body', 'table',
                                      'tr', 'th', 'td'})
        self.assertEqual(table.rows[0], ['id', 'message'])
        wanted = [row.split('|') for row in psql(
            '-c', 'SELECT id, message FROM fortune')] + [['0', ADDED]]
        self.assertEqual(len(wanted), 13)
        wanted.sort(key=lambda row: row[1].encode())
        self.assertEqual(table.rows[1:], wanted)


if __name__ == '__main__':
    unittest.main()
