# SPDX-License-Identifier: MIT
"""Real programs, unchanged, under `python -m bide`.

    python3 python/tests/test_programs.py

Each program of programs/ uses a library of Debian's and knows nothing of
bide; here it is told to run on bide's loop, and says at its end that it did.
A library that is not installed skips its test, with the package's name.
"""
import contextlib
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import report

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = HERE / 'programs'
LIMIT_SECONDS = 120


def needs(module, package):
    return unittest.skipUnless(importlib.util.find_spec(module),
                               f'{package} is not installed')


def run(*arguments):
    """Run `python -m bide ARGUMENTS`; return its output."""
    # ResourceWarnings are shown, or they would tell nobody.
    done = subprocess.run(
        [sys.executable, '-W', 'default::ResourceWarning',
         '-m', 'bide', *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=HERE,
        timeout=LIMIT_SECONDS)
    if done.returncode:
        raise AssertionError(f'exit status {done.returncode}\n{done.stdout}')
    return done.stdout


def certificate(directory):
    """Make one for localhost; return its path and its key's."""
    paths = os.path.join(directory, 'cert'), os.path.join(directory, 'key')
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
         'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj',
         '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
         '-out', paths[0], '-keyout', paths[1]],
        check=True, stderr=subprocess.DEVNULL)
    return paths


def postgres_programs():
    """The directory of initdb and postgres, or None."""
    found = sorted(pathlib.Path('/usr/lib/postgresql').glob('*/bin/initdb'))
    return found[-1].parent if found else None


@contextlib.contextmanager
def postgres():
    """A PostgreSQL of our own; gives the directory of its socket."""
    programs = postgres_programs()
    user = 'postgres' if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        data = os.path.join(directory, 'data')
        os.mkdir(data, 0o700)
        if user:
            shutil.chown(directory, user)
            shutil.chown(data, user)
        subprocess.run(
            [programs / 'initdb', '-D', data, '-U', 'postgres', '-A', 'trust',
             '-N'], check=True, stdout=subprocess.DEVNULL, user=user,
            cwd='/')
        options = f"-k {directory} -c listen_addresses='' -c fsync=off"
        control = [programs / 'pg_ctl', '-D', data, '-w', '-s']
        subprocess.run(
            [*control, '-l', os.path.join(directory, 'log'), '-o', options,
             'start'], check=True, user=user, cwd='/')
        try:
            yield directory
        finally:
            subprocess.run([*control, '-m', 'immediate', 'stop'], check=True,
                           user=user, cwd='/')


class Programs(unittest.TestCase):

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = scratch.name

    def ends_well(self, name, *arguments):
        output = run(PROGRAMS / name, *arguments)
        self.assertEqual(output.splitlines()[-1:], ['loop bide._loop'],
                         output)
        self.assertNotIn('Warning', output)
        self.assertNotIn('Traceback', output)

    def test_programs_of_asyncio_alone(self):
        self.ends_well('gather_many.py')

    @needs('aiofiles', 'python3-aiofiles')
    def test_aiofiles(self):
        self.ends_well('aiofiles_copy.py', self.scratch)

    @needs('aiohttp', 'python3-aiohttp')
    def test_aiohttp(self):
        self.ends_well('aiohttp_both.py', *certificate(self.scratch))

    @needs('asyncpg', 'python3-asyncpg')
    @unittest.skipUnless(postgres_programs(), 'postgresql is not installed')
    def test_asyncpg(self):
        with postgres() as directory:
            self.ends_well('asyncpg_queries.py', directory)

    @needs('fastapi', 'python3-fastapi')
    @needs('uvicorn', 'python3-uvicorn')
    def test_fastapi_under_uvicorn(self):
        self.ends_well('fastapi_uvicorn.py')

    @needs('httpx', 'python3-httpx')
    def test_httpx(self):
        self.ends_well('httpx_client.py', *certificate(self.scratch))

    @needs('nest_asyncio', 'python3-nest-asyncio')
    def test_nest_asyncio(self):
        self.ends_well('nested_loops.py')

    @needs('pytest_asyncio', 'python3-pytest-asyncio')
    def test_pytest_asyncio(self):
        output = run('-m', 'pytest', '-q', '-p', 'no:cacheprovider',
                     PROGRAMS / 'pytest_case.py')
        self.assertRegex(output, '4 passed')

    @needs('sqlalchemy', 'python3-sqlalchemy')
    @needs('aiosqlite', 'python3-aiosqlite')
    def test_sqlalchemy_with_aiosqlite(self):
        self.ends_well('sqlalchemy_orm.py',
                       os.path.join(self.scratch, 'file.db'))

    @needs('websockets', 'python3-websockets')
    def test_websockets(self):
        self.ends_well('websockets_chat.py')


if __name__ == '__main__':
    report.main()
