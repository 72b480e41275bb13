#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The command `bide` does what its help says, and says what is wrong.

    command_test.py BIDE DEBUGGEE BUILD

BIDE is the command, DEBUGGEE the program of debuggee.c, BUILD the directory of
a build, whose library is found by meson's files for pkg-config.
"""
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

BIDE, DEBUGGEE, BUILD = (pathlib.Path(name).resolve()
                         for name in sys.argv[1:4])
MESON = '/usr/bin/meson' if os.path.exists('/usr/bin/meson') else 'meson'


class Scratch(unittest.TestCase):
    """Each test has a directory of its own, and nothing of the user's."""

    def setUp(self):
        self.maxDiff = None
        directory = tempfile.TemporaryDirectory(prefix='bide-command-')
        self.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name)
        self.cache = self.path / 'cache'
        self.cache.mkdir()
        self.runtime = self.path / 'runtime'
        self.runtime.mkdir(0o700)
        self.env = {name: value for name, value in os.environ.items()
                    if not name.startswith(('BIDE_', 'CC', 'CFLAGS', 'LD'))}
        self.env.update(
            XDG_CACHE_HOME=str(self.cache), XDG_RUNTIME_DIR=str(self.runtime),
            PKG_CONFIG_PATH=str(BUILD / 'meson-uninstalled'))

    def bide(self, *arguments, **variables):
        return subprocess.run([BIDE, *map(str, arguments)], cwd=self.path,
                              env={**self.env, **variables}, timeout=60,
                              capture_output=True, text=True)

    def write(self, name, text):
        path = self.path / name
        path.write_text(text)
        old = time.time() - 100  # as it is by the time one runs it
        os.utime(path, (old, old))
        return path

    def fails(self, run, words, status=1):
        self.assertIn(words, run.stderr)
        self.assertEqual(run.returncode, status)


class TestWords(Scratch):
    def test_version_and_help(self):
        self.assertRegex(self.bide('--version').stdout, r'^bide \d+\.\d+\.\d+$')
        for word in ['help', '--help', '-h']:
            self.assertIn('bide run FILE.c', self.bide(word).stdout)

    def test_what_is_wrong_is_said(self):
        self.fails(self.bide(), 'usage: bide COMMAND', 2)
        self.fails(self.bide('fly'), "no command 'fly'", 2)
        for word in ['run', 'new', 'pstree', 'top']:
            self.fails(self.bide(word), f'usage: bide {word}', 2)
        self.fails(self.bide('ps', '-x', '1'), 'usage: bide ps', 2)
        self.fails(self.bide('top', '-d', 'x', '1'), "'x' is no number")
        self.fails(self.bide('top', '-d', '0', '1'), 'SECONDS is 0')
        self.fails(self.bide('top', '-n', '-1', '1'), 'TIMES is -1')


class TestRun(Scratch):
    PROGRAM = '''
        #include <bide.h>
        #include <stdio.h>
        #include "answer.h"
        static int amain(void *arg) { (void)arg; return ANSWER; }
        int main(int argc, char **argv)
        {
            printf("%s %s\\n", argv[0], argc > 1 ? argv[1] : "");
            return bide_run(amain, NULL);
        }'''

    def setUp(self):
        super().setUp()
        self.log = self.path / 'log'
        self.log.write_text('')
        self.cc = self.path / 'counting-cc'
        self.cc.write_text(f'#!/bin/sh\necho >>{self.log}\nexec cc "$@"\n')
        self.cc.chmod(0o755)
        self.env['CC'] = str(self.cc)
        self.write('answer.h', '#define ANSWER 42\n')
        self.write('a.c', self.PROGRAM)

    def compilations(self):
        return len(self.log.read_text())

    def left_over(self):
        return [path.name for path in self.cache.glob('bide/*.tmp*')]

    def test_arguments_and_status_are_the_programs(self):
        run = self.bide('run', 'a.c', 'hello')
        self.assertEqual((run.stdout, run.stderr, run.returncode),
                         ('a.c hello\n', '', 42))
        self.assertEqual(self.left_over(), [])

    def test_a_signal_is_the_programs(self):
        self.write('k.c', 'int main(void) { __builtin_trap(); }\n')
        self.assertIn(self.bide('run', 'k.c').returncode,
                      [-signal.SIGILL, -signal.SIGTRAP])

    def test_it_is_compiled_once(self):
        for _ in range(3):
            self.assertEqual(self.bide('run', 'a.c').returncode, 42)
        (self.path / 'sub').mkdir()
        run = subprocess.run([BIDE, 'run', '../a.c'], cwd=self.path / 'sub',
                             env=dict(self.env, CC=''), capture_output=True)
        self.assertEqual(run.returncode, 42)
        self.assertEqual(self.compilations(), 1)

    def test_it_is_compiled_again_when_something_has_changed(self):
        self.bide('run', 'a.c')
        self.write('answer.h', '#define ANSWER 43\n')
        os.utime(self.path / 'answer.h', (1e9, 1e9))
        self.assertEqual(self.bide('run', 'a.c').returncode, 43)
        self.write('a.c', self.PROGRAM.replace('ANSWER; }', 'ANSWER + 1; }'))
        self.assertEqual(self.bide('run', 'a.c').returncode, 44)
        self.assertEqual(self.compilations(), 3)
        self.bide('run', 'a.c', CFLAGS='-O0')
        self.assertEqual(self.compilations(), 4)

    def test_errors_of_the_compiler_are_shown(self):
        self.write('b.c', 'int main(void) { return undefined_name; }\n')
        run = self.bide('run', 'b.c')
        self.fails(run, 'b.c:1')
        self.assertIn('undefined_name', run.stderr)
        self.assertEqual(self.left_over(), [])

    def test_tests_are_linked_with_bide_test(self):
        self.write('t.c', '#include <bide.h>\n#include <bide/test.h>\n'
                          'BIDE_TEST(one_is_one)\n'
                          '{ BIDE_CHECK_INT(1, 1); return 0; }\n')
        run = self.bide('run', '-v', 't.c', LD_LIBRARY_PATH=str(BUILD / 'src'))
        self.assertIn('ok 1 - one_is_one', run.stdout, run.stderr)
        self.assertIn('-lbide-test', run.stderr)

    def test_what_is_missing_is_said(self):
        self.fails(self.bide('run', 'no.c'), 'no.c: No such file')
        self.fails(self.bide('run', 'a.txt'), 'does not end in .c')
        (self.path / 'd.c').mkdir()
        self.fails(self.bide('run', 'd.c'), 'is no file')
        self.fails(self.bide('run', 'a.c', CC='no-such-cc'),
                   "there is no compiler 'no-such-cc'")
        self.fails(self.bide('run', 'a.c', PKG_CONFIG='no-such-program'),
                   'install pkg-config')
        self.fails(self.bide('run', 'a.c', PKG_CONFIG='false'),
                   'pkg-config does not know where bide is')

    def test_a_cache_that_others_can_write_to_is_not_used(self):
        (self.cache / 'bide').mkdir()
        (self.cache / 'bide').chmod(0o777)
        self.fails(self.bide('run', 'a.c'), 'only this user can write to')

    def test_the_cache_does_not_grow_for_ever(self):
        self.bide('run', 'a.c')
        directory = self.cache / 'bide'
        for i in range(100):
            for suffix in ['', '.inputs']:
                path = directory / f'{i:016x}{suffix}'
                path.write_text('')
                os.utime(path, (i, i))
        self.write('answer.h', '#define ANSWER 1\n')
        os.utime(self.path / 'answer.h', (1e9, 1e9))
        self.assertEqual(self.bide('run', 'a.c').returncode, 1)
        names = {path.name for path in directory.iterdir()}
        self.assertEqual(len(names), 128)
        self.assertIn(f'{99:016x}.inputs', names)
        self.assertNotIn(f'{0:016x}', names)


class TestNew(Scratch):
    def test_a_new_project_builds_and_passes(self):
        run = self.bide('new', 'my app')
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("cd 'my app'", run.stdout)
        project = self.path / 'my app'
        self.assertEqual((project / '.gitignore').read_text(), 'build/\n')
        env = dict(self.env, LD_LIBRARY_PATH=str(BUILD / 'src'))
        for command in [['setup', 'build', '-Dwerror=true'],
                        ['compile', '-C', 'build'], ['test', '-C', 'build']]:
            made = subprocess.run([MESON, *command], cwd=project, env=env,
                                  capture_output=True, text=True)
            self.assertEqual(made.returncode, 0, made.stdout + made.stderr)
        made = subprocess.run([project / 'build' / 'my-app', 'Ada', 'Grace'],
                              env=env, capture_output=True, text=True)
        self.assertEqual(made.stdout, 'hello, Ada\nhello, Grace\n')

    def test_what_is_there_is_left_alone(self):
        self.write('file', '')
        self.fails(self.bide('new', '.'), 'is not empty')
        self.fails(self.bide('new', 'file'), 'file: Not a directory')
        self.fails(self.bide('new', 'no/where'), 'No such file or directory')
        self.assertEqual([path.name for path in self.path.iterdir()
                          if path not in (self.cache, self.runtime)], ['file'])

    def test_an_empty_directory_will_do(self):
        (self.path / 'empty').mkdir()
        self.assertEqual(self.bide('new', 'empty').returncode, 0)


class Looking:
    """The commands that look at a program, on one backend."""

    def start(self, **variables):
        program = subprocess.Popen(
            [DEBUGGEE, 'wait'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={**self.env, 'BIDE_INSPECT': '1',
                            'BIDE_BACKEND': self.backend, **variables})
        self.addCleanup(self.end, program)
        if program.stdout.readline() != 'ready\n':
            self.skipTest(f'{self.backend} does not work here')
        return program

    def end(self, program):
        program.send_signal(signal.SIGCONT)
        program.stdin.close()
        program.stdout.close()
        program.wait(30)

    def test_ps_lists_tasks(self):
        program = self.start()
        run = self.bide('ps', program.pid)
        lines = run.stdout.splitlines()
        self.assertRegex(lines[0], f'^process {program.pid}: 5 tasks on '
                                   f'{self.backend}, latency [0-9.]+ [um]?s$')
        table = [re.split(r'  +', line.strip()) for line in lines[1:]]
        self.assertEqual(table[0], ['ID', 'NAME', 'FUNCTION', 'STATE', 'AGE',
                                    'WAITS', 'RAN', 'STACK'])
        self.assertEqual([row[:4] for row in table[1:]], [
            ['1', 'main', 'program', 'in bide_run_in_executor()'],
            ['2', 'server', 'serve', 'in bide_gather()'],
            ['4', 'first fetch', 'fetch', 'in bide_sleep()'],
            ['5', 'Task-5', 'fetch', 'in bide_sleep()'],
            ['6', 'Task-6', 'fetch', 'in bide_sleep()']])
        self.assertEqual({row[5] for row in table[1:]}, {'-'})
        every = self.bide('ps', '-a', program.pid).stdout
        self.assertRegex(every, r'Task-3 +read_all +ended')
        self.assertNotIn('inspect', every)

    def test_debug_mode_tells_of_times(self):
        program = self.start(BIDE_DEBUG='1')
        run = self.bide('ps', program.pid)
        self.assertIn(', debug mode\n', run.stdout)
        self.assertNotIn(' - ', run.stdout)

    def test_ps_shows_calls(self):
        program = self.start()
        run = self.bide('ps', '-s', program.pid)
        self.assertRegex(run.stdout, r'first fetch .*\n +at bide_sleep .*\n'
                                     r'( +at .*\n)*'
                                     r' +at fetch \(debuggee\.c:\d+\)\n')

    def test_pstree_shows_who_awaits_whom(self):
        program = self.start()
        run = self.bide('pstree', program.pid)
        self.assertEqual(run.stdout.split('\n', 1)[1], '''\
main (program), in bide_run_in_executor()
server (serve), in bide_gather()
  first fetch (fetch), in bide_sleep()
  Task-5 (fetch), in bide_sleep()
Task-6 (fetch), in bide_sleep()
''')
        self.assertIn('    at fetch (debuggee.c:',
                      self.bide('pstree', '-s', program.pid).stdout)

    def test_top_counts_tasks_that_do_the_same(self):
        program = self.start()
        run = self.bide('top', '-n', '2', '-d', '0.1', program.pid)
        self.assertEqual(len(re.findall(
            r'^ +\S+ +3  fetch +in bide_sleep\(\) ', run.stdout, re.M)), 2)
        self.assertNotIn('\033', run.stdout)

    def test_ps_alone_lists_programs(self):
        programs = [self.start(), self.start()]
        run = self.bide('ps')
        for program in programs:
            self.assertRegex(run.stdout, rf'\n +{program.pid}  debuggee +5 .*'
                                         rf'{self.backend}\n')

    def test_a_program_can_say_where_its_socket_is(self):
        place = self.path / 'place'
        program = self.start(BIDE_INSPECT=str(place))
        for target in [program.pid, place / str(program.pid)]:
            self.assertIn('server', self.bide('ps', target).stdout)

    def test_what_cannot_be_looked_at_is_said(self):
        program = self.start(BIDE_INSPECT='')
        self.fails(self.bide('ps', program.pid), 'cannot be looked at: start '
                                                 'it with BIDE_INSPECT=1')
        program.stdin.close()
        program.wait()
        self.fails(self.bide('ps', program.pid),
                   f'there is no process {program.pid}')
        self.fails(self.bide('ps', 'me'), "'me' is no number")
        self.fails(self.bide('pstree', '/no/socket'), '/no/socket: ')

    def test_a_program_that_was_killed_is_forgotten(self):
        program = self.start()
        program.kill()
        program.wait()
        sockets = list((self.runtime / 'bide').iterdir())
        self.assertEqual(len(sockets), 1)
        self.fails(self.bide('ps', program.pid), 'there is no process')
        # The kernel may take a moment to close what it had in its hands.
        for _ in range(1000):
            shown = str(program.pid) in self.bide('ps').stdout
            if not shown and not sockets[0].exists():
                return
        self.fail('its socket is still there')

    def test_a_program_that_is_stopped_is_not_waited_for_for_ever(self):
        program = self.start()
        program.send_signal(signal.SIGSTOP)
        self.fails(self.bide('ps', program.pid), 'does not answer within')

    def test_the_socket_goes_with_the_program(self):
        program = self.start()
        path = self.runtime / 'bide' / str(program.pid)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        program.stdin.close()
        program.wait()
        self.assertFalse(path.exists())


class TestLookingOnUring(Looking, Scratch):
    backend = 'uring'


class TestLookingOnEpoll(Looking, Scratch):
    backend = 'epoll'


class TestStrangers(Scratch):
    """What answers need not be bide, or not this one."""

    def ask(self, *answers):
        path = str(self.path / 'socket')
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            command = subprocess.Popen(
                [BIDE, 'pstree', path], env=self.env, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            peer, _ = listener.accept()
            with peer:
                peer.recv(100)
                for answer in answers:
                    peer.sendall(answer)
            output, errors = command.communicate(timeout=30)
        os.unlink(path)
        return subprocess.CompletedProcess([], command.returncode, output,
                                           errors)

    def test_what_is_not_understood_is_said(self):
        self.fails(self.ask(b'hello\n'), 'a line of an unknown kind')
        self.fails(self.ask(b'bide\t2\t9.9.9\t1\tepoll\t0\n'),
                   'use the bide of version 9.9.9')
        self.fails(self.ask(b'bide\t1\n'), 'the first line is too short')
        self.fails(self.ask(b'task\t1\n'), "a task's line is too short")
        self.fails(self.ask(b'frame\tx\n'), 'calls of no task')
        self.fails(self.ask(b''), 'it went away')
        self.fails(self.ask(b'x' * 10000), 'socket: ')

    def test_a_circle_is_called_a_deadlock(self):
        task = b'task\t%d\tin\t%d\t5\t-1\t-1\t9\t9\tbide_await\tf\t%b\n'
        run = self.ask(b'bide\t1\t0.1.0\t1\tepoll\t0\nloop\t3\t5\n',
                       task % (1, 2, b'hen'), task % (2, 1, b'egg'),
                       task % (3, 99, b'orphan\033[31m'), b'end\t3\n')
        self.assertEqual(run.stdout, '''\
process 1: 3 tasks on epoll, latency 0 us
orphan?[31m (f), in bide_await()
deadlock: these tasks await each other
  hen (f), in bide_await()
    awaited by egg
  egg (f), in bide_await()
    awaited by hen
''')


class TestHttp(Scratch):
    def setUp(self):
        super().setUp()
        (self.path / 'www').mkdir()
        self.write('www/a.txt', 'hello')
        self.write('www/b.txt', 'good-bye')
        self.server = subprocess.Popen(
            [BIDE, 'serve', '-p', '0', str(self.path / 'www')],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end)
        said = self.server.stderr.readline()
        if 'needs libbide-http' in said:
            self.skipTest(said)
        self.url = said.split()[-1]

    def end(self):
        self.server.terminate()
        self.log, _ = self.server.communicate(timeout=20)

    def test_many_are_fetched_into_files(self):
        urls = [f'{self.url}{name}' for name in ('a.txt', 'b.txt', 'a.txt')]
        run = self.bide('http', '--limit', '2', '-o', 'out', *urls)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(len(run.stdout.splitlines()), 3)
        found = {one.name: one.read_text()
                 for one in (self.path / 'out').iterdir()}
        self.assertEqual(found, {'a.txt': 'hello', 'b.txt': 'good-bye',
                                 '1-a.txt': 'hello'})
        self.end()
        self.assertEqual(self.log.count('"GET /a.txt HTTP/1.1" 200 5 '), 2)

    @unittest.skipUnless(shutil.which('curl'), 'no curl')
    def test_http2_is_served_on_the_same_port(self):
        big = os.urandom(1_000_000)
        (self.path / 'www' / 'big').write_bytes(big)
        (self.path / 'www' / 'text.txt').write_text('words ' * 1000)

        def curl(*arguments):
            return subprocess.run(
                ['curl', '-sS', '-m', '20', '--http2-prior-knowledge',
                 *arguments], check=True, capture_output=True).stdout
        self.assertEqual(curl(f'{self.url}big'), big)
        self.assertEqual(curl('-r', '5-999990', f'{self.url}big'),
                         big[5:999991])
        self.assertEqual(curl('--compressed', f'{self.url}text.txt'),
                         b'words ' * 1000)
        self.assertIn(b'content-encoding: br', curl(
            '-I', '-H', 'Accept-Encoding: br', f'{self.url}text.txt'))
        self.end()
        self.assertIn('"GET /big HTTP/2.0" 206 999986 ', self.log)

    def test_what_fails_is_said_and_the_others_go_on(self):
        self.write('list', f'# some\n{self.url}a.txt\n\n{self.url}none\n')
        run = self.bide('http', '-r', '0', '-i', 'list', 'http://127.0.0.1:1/')
        self.assertEqual(run.returncode, 1)
        self.assertIn(f'   200  {self.url}a.txt  5 B', run.stdout)
        self.assertIn(f'   404  {self.url}none', run.stdout)
        self.assertIn('failed  http://127.0.0.1:1/: ', run.stdout)

    def test_wrong_arguments_are_refused(self):
        for wrong in (['http'], ['http', '-l', '0', 'x'], ['serve', 'a', 'b'],
                      ['serve', '-p', '65536'], ['http', '-t', '-1', 'x']):
            run = self.bide(*wrong)
            self.assertEqual(run.returncode, 2, wrong)
            self.assertIn('usage: ', run.stderr)
        self.fails(self.bide('serve', 'none'), "opening 'none': No such file")


if __name__ == '__main__':
    if not shutil.which('pkg-config'):
        print('pkg-config is not there')
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
