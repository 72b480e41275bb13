#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run a program beside a PostgreSQL server of its own.

    server.py [--tcp] PROGRAM [ARGUMENT...]

The server is Debian's, its cluster lies in a temporary directory, and it
listens on a Unix socket there; with --tcp on 127.0.0.1 as well. It does not
run as root: started by root, it becomes the user postgres or nobody. The
program finds in its environment

    BIDE_TEST_POSTGRES           the URL of an empty database
    DATABASE_URL                 the same
    BIDE_TEST_POSTGRES_RESTART   a command that restarts the server at once,
                                 as a crash would

and its exit status is that of this script: 77 if there is no PostgreSQL.
"""
import contextlib
import glob
import os
import pathlib
import pwd
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile

SKIPPED = 77
SETTINGS = """
fsync = off
full_page_writes = off
shared_buffers = 64MB
max_connections = 60
listen_addresses = '{address}'
port = {port}
unix_socket_directories = '{directory}'
logging_collector = off
"""


def programs():
    """The newest server's directory of programs, or None."""
    versions = glob.glob('/usr/lib/postgresql/*/bin/initdb')
    versions.sort(key=lambda path: int(path.split('/')[4]))
    found = versions[-1] if versions else shutil.which('initdb')
    return pathlib.Path(found).resolve().parent if found else None


def user():
    """Who runs the server: None for ourselves."""
    if os.getuid() != 0:
        return None
    for name in 'postgres', 'nobody':
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    sys.exit('there is no user to run PostgreSQL as')


class Server:
    """A cluster in a temporary directory."""

    def __init__(self, tcp=False):
        self.bin = programs()
        self.user = user()
        self.tcp = tcp

    def as_user(self, *command):
        if self.user is None:
            return [str(part) for part in command]
        return ['setpriv', f'--reuid={self.user.pw_uid}',
                f'--regid={self.user.pw_gid}', '--clear-groups', '--',
                *(str(part) for part in command)]

    def run(self, *command):
        done = subprocess.run(self.as_user(*command), cwd=self.directory,
                              stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode != 0:
            sys.exit(f'{shlex.join(map(str, command))}:\n{done.stdout}')

    def control(self, *what):
        return [self.bin / 'pg_ctl', '-D', self.directory / 'data', '-w',
                '-s', '-l', self.directory / 'log', *what]

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='bide-pg-'))
        if self.user:
            os.chown(self.directory, self.user.pw_uid, self.user.pw_gid)
        self.directory.chmod(0o755)
        port, address = 5432, ''
        if self.tcp:
            address = '127.0.0.1'
            with socket.socket() as probe:
                probe.bind((address, 0))
                port = probe.getsockname()[1]
        try:
            self.run(self.bin / 'initdb', '-D', self.directory / 'data',
                     '-U', 'bide', '-A', 'trust', '-E', 'UTF8', '--no-sync',
                     '--locale=C')
            settings = SETTINGS.format(address=address, port=port,
                                       directory=self.directory)
            with open(self.directory / 'data' / 'postgresql.conf', 'a') as to:
                to.write(settings)
            self.run(*self.control('start'))
            self.run(self.bin / 'createdb', '-h', self.directory, '-p', port,
                     '-U', 'bide', 'bide')
        except BaseException:
            self.__exit__()
            raise
        self.url = (f'postgres:///bide?host={self.directory}&port={port}'
                    '&user=bide')
        self.tcp_url = f'postgres://bide@127.0.0.1:{port}/bide'
        self.restart = shlex.join(
            self.as_user(*self.control('restart', '-m', 'immediate')))
        return self

    def __exit__(self, *_):
        subprocess.run(self.as_user(*self.control('stop', '-m', 'immediate')),
                       cwd=self.directory, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.directory, ignore_errors=True)


def main():
    command = sys.argv[1:]
    tcp = command[:1] == ['--tcp']
    command = command[tcp:]
    if not command:
        sys.exit(__doc__)
    if programs() is None:
        print('1..0 # SKIP there is no PostgreSQL server to test with')
        sys.exit(SKIPPED)
    with Server(tcp) as server:
        env = os.environ | {'BIDE_TEST_POSTGRES': server.url,
                            'DATABASE_URL': server.url,
                            'BIDE_TEST_POSTGRES_RESTART': server.restart}
        if tcp:
            env['BIDE_TEST_POSTGRES_TCP'] = server.tcp_url
        status = subprocess.run(command, env=env).returncode
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == '__main__':
    main()
