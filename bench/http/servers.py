# SPDX-License-Identifier: MIT
"""How each server is started: its command line, and its configuration.

A server gets a port, a directory of files and perhaps a certificate, and runs
in the foreground as one worker, without a log.
"""
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness.build import CFLAGS, Missing, Programs, output_of  # noqa: E402

NGINX = '''\
daemon off;
master_process off;
worker_processes 1;
error_log stderr crit;
pid {work}/nginx.pid;
events {{ worker_connections 20000; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    sendfile on;
    default_type application/octet-stream;
    client_body_temp_path {work}/1;
    proxy_temp_path {work}/2;
    fastcgi_temp_path {work}/3;
    uwsgi_temp_path {work}/4;
    scgi_temp_path {work}/5;
    server {{
        listen 127.0.0.1:{port}{listen};
        {tls}
        root {directory};
        location = /plaintext {{
            default_type text/plain;
            return 200 "Hello, World!";
        }}
        location = /json {{
            default_type application/json;
            return 200 "{{\\"message\\":\\"Hello, World!\\"}}";
        }}
    }}
}}
'''

LIGHTTPD = '''\
server.document-root = "{directory}"
server.bind = "127.0.0.1"
server.port = {port}
server.max-keep-alive-requests = 0
server.max-connections = 20000
server.max-fds = 40000
server.modules = ( {modules} )
{tls}
'''

H2O = '''\
num-threads: 1
max-connections: 20000
listen:
  host: 127.0.0.1
  port: {port}
  {tls}
hosts:
  default:
    paths:
      /:
        file.dir: {directory}
'''


class HttpPrograms(Programs):
    """Those of bench/http/ as well."""

    def __init__(self, root, build_dir, options):
        super().__init__(root, build_dir, options)
        self.peers = HERE / 'peers'

    def make_bide(self, _, name):
        return super().make_bide(_, f'http/http_{name}')

    def make_c(self, _, name, flags=()):
        if not (self.peers / f'{name}.c').exists():
            binary = self.dir / name
            self.run([shutil.which('cc') or 'cc', *CFLAGS, '-o', binary,
                      HERE / f'{name}.c'])
            return [str(binary)]
        return super().make_c(_, name, flags)

    def make_python(self, _, name):
        python = None
        for candidate in ('/usr/bin/python3', self.python):
            if candidate and output_of([candidate, '-c', 'import aiohttp']) \
                    is not None:
                python = candidate
                break
        if not python:
            raise Missing('no python3 with aiohttp was found')
        return [python, str(self.peers / f'{name}.py')]


class Site:
    """What the servers serve, and where they keep what they need."""

    def __init__(self, work):
        self.work = work
        self.directory = work / 'site'
        self.directory.mkdir(exist_ok=True)
        self.certificate, self.key = work / 'certificate', work / 'key'
        for name, size in (('4k', 4096), ('1m', 1 << 20)):
            (self.directory / name).write_bytes(b'x' * size)
        (self.directory / 'plaintext').write_text('Hello, World!')
        (self.directory / 'json').write_text('{"message":"Hello, World!"}')
        if not self.key.exists():
            made = output_of(
                ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                 'ec_paramgen_curve:P-256', '-nodes', '-days', '30', '-subj',
                 '/CN=localhost', '-keyout', str(self.key), '-out',
                 str(self.certificate)])
            if made is None:
                raise Missing('openssl cannot make a certificate')

    def write(self, name, text):
        path = self.work / name
        path.write_text(text)
        return str(path)


def installed(name):
    found = shutil.which(name) or shutil.which(f'/usr/sbin/{name}')
    if not found:
        raise Missing(f'{name} is not installed')
    return found


def command(name, programs, site, port, tls=False, h2=False, workers=1):
    """The command line of a server of this name; Missing if it is not there
    or has not what is asked for."""
    make = globals().get('start_' + name.split(' ')[0].replace('-', '_'))
    return [str(part) for part in make(programs, site, port, tls, h2,
                                       workers)]


def start_bide(programs, site, port, tls, _h2, workers):
    secure = [site.certificate, site.key] if tls else []
    return [*programs.command('bide:server'), port, site.directory, workers,
            *secure]


def start_nginx(_programs, site, port, tls, h2, _workers):
    secure = ('ssl_protocols TLSv1.3; '
              f'ssl_certificate {site.certificate}; '
              f'ssl_certificate_key {site.key}; '
              'ssl_session_cache shared:all:1m;') if tls else ''
    listen = (' ssl' if tls else '') + (' http2' if h2 else '')
    path = site.write('nginx.conf', NGINX.format(
        work=site.work, port=port, listen=listen, tls=secure,
        directory=site.directory))
    return [installed('nginx'), '-p', site.work, '-c', path]


def start_lighttpd(_programs, site, port, tls, h2, _workers):
    secure = (f'ssl.engine = "enable"\nssl.pemfile = "{site.certificate}"\n'
              f'ssl.privkey = "{site.key}"\n') if tls else ''
    path = site.write('lighttpd.conf', LIGHTTPD.format(
        directory=site.directory, port=port, tls=secure,
        modules='"mod_openssl"' if tls else ''))
    return [installed('lighttpd'), '-D', '-f', path]


def start_h2o(_programs, site, port, tls, _h2, _workers):
    secure = (f'ssl:\n    certificate-file: {site.certificate}\n'
              f'    key-file: {site.key}') if tls else ''
    path = site.write('h2o.conf', H2O.format(
        port=port, directory=site.directory, tls=secure))
    return [installed('h2o'), '-c', path]


def start_nghttpd(_programs, site, port, tls, _h2, _workers):
    secure = [site.key, site.certificate] if tls else []
    return [installed('nghttpd'), '-d', site.directory,
            *([] if tls else ['--no-tls']), port, *secure]


def start_libmicrohttpd(programs, _site, port, *_):
    return [*programs.command('pkg:libmicrohttpd/microhttpd'), port]


def start_Go(programs, site, port, *_):
    return [*programs.command('go:nethttp'), port, site.directory]


def start_aiohttp(programs, _site, port, *_):
    return [*programs.command('asyncio:aiohttp_http'), port]


def start_hand_epoll(programs, _site, port, *_):
    return [*programs.command('c:hand_epoll_http'), port]


def start_hand_uring(programs, _site, port, *_):
    return [*programs.command('c:hand_uring_http'), port]


def environment(name):
    """Of a server; 'bide epoll' is bide on that backend."""
    if name == 'bide':
        return {'BIDE_BACKEND': 'uring'}
    if name.startswith('bide '):
        return {'BIDE_BACKEND': name.split(' ')[1]}
    return {}
