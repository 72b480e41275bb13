#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Install what a command of the Makefile needs and the machine lacks.
#
#     tools/setup.sh demo|test|bench|bench-http|bench-web|deb
#
# Knows the package names of Debian and its descendants; elsewhere it says
# what is missing. Touches nothing, and runs no apt, when nothing is.
set -eu

missing=
wanted=

# need PACKAGE FILE...: the package is missing unless one of the files, or a
# command of that name, is there.
need()
{
    package=$1
    shift
    for file in "$@"; do
        if [ -e "$file" ] || command -v "$file" >/dev/null 2>&1; then
            return
        fi
    done
    missing="$missing $package"
}

# want PACKAGE FILE...: as need, but what cannot be had is done without.
want()
{
    required=$missing
    missing=
    need "$@"
    wanted="$wanted$missing"
    missing=$required
}

need_for_demo()
{
    need gcc gcc
    need libc6-dev /usr/include/stdio.h
    need meson /usr/bin/meson
    need ninja-build ninja
    need pkg-config pkg-config
    # The users service, without which the demonstration is shorter.
    want curl curl
    want libssl-dev /usr/include/openssl/ssl.h
    want node-llhttp /usr/share/llhttp/llhttp.c
    want libpcre2-dev /usr/include/pcre2.h
    want libsqlite3-dev /usr/include/sqlite3.h
    want libnghttp2-dev /usr/include/nghttp2/nghttp2.h
    want zlib1g-dev /usr/include/zlib.h
    want libbrotli-dev /usr/include/brotli/decode.h
    want libzstd-dev /usr/include/zstd.h
}

need_for_test()
{
    need_for_demo
    need binutils nm
    need clang clang
    need g++ g++
    need libclang-rt-14-dev /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.tsan*
    need python3 /usr/bin/python3
    need libssl-dev /usr/include/openssl/ssl.h
    need libpcre2-dev /usr/include/pcre2.h
    need openssl openssl
    need node-llhttp /usr/share/llhttp/llhttp.c
    need libnghttp2-dev /usr/include/nghttp2/nghttp2.h
    need nghttp2-client nghttp
    need zlib1g-dev /usr/include/zlib.h
    need libbrotli-dev /usr/include/brotli/decode.h
    need libzstd-dev /usr/include/zstd.h
    need curl curl
    want nginx-light /usr/sbin/nginx
    want python3-websockets /usr/lib/python3/dist-packages/websockets
    want chromium chromium
    want python3-jsonschema /usr/lib/python3/dist-packages/jsonschema
    need libsqlite3-dev /usr/include/sqlite3.h
    need libpq-dev /usr/include/postgresql/libpq-fe.h
    need redis-server redis-server
    need postgresql /usr/lib/postgresql/*/bin/initdb
    want gcc-aarch64-linux-gnu aarch64-linux-gnu-gcc
    want libc6-dev-arm64-cross /usr/aarch64-linux-gnu/include/stdio.h
    want qemu-user qemu-aarch64
    want libglib2.0-dev /usr/include/glib-2.0/glib.h
    want cmake cmake
    want gdb gdb
    want systemtap-sdt-dev /usr/include/sys/sdt.h /usr/include/*/sys/sdt.h
    want groff-base groff
    need build-essential /usr/share/build-essential
    need debhelper dh
    need dpkg-dev dpkg-buildpackage
    need git git
    need python3-dev /usr/include/python3*/Python.h
    need python3-setuptools /usr/lib/python3/dist-packages/setuptools
    need libpython3.11-testsuite /usr/lib/python3*/test/test_asyncio
    want python3-dbg python3-dbg
    for package in aiofiles aiohttp aiosqlite asyncpg fastapi httpx \
        sqlalchemy uvicorn websockets; do
        want python3-$package /usr/lib/python3/dist-packages/$package
    done
    want python3-nest-asyncio /usr/lib/python3/dist-packages/nest_asyncio.py
    want python3-pytest-asyncio /usr/lib/python3/dist-packages/pytest_asyncio
}

need_for_bench()
{
    need_for_demo
    need libuv1-dev /usr/include/uv.h
    need python3-uvloop /usr/lib/python3/dist-packages/uvloop
    need libssl-dev /usr/include/openssl/ssl.h
    want python3-pip /usr/lib/python3/dist-packages/pip
    want wrk wrk
    for package in aiohttp fastapi httptools uvicorn; do
        want python3-$package /usr/lib/python3/dist-packages/$package
    done
    need libpcre2-dev /usr/include/pcre2.h
    want g++ g++
    want libcjson-dev /usr/include/cjson/cJSON.h
    want libjansson-dev /usr/include/jansson.h
    want libsimdjson-dev /usr/include/simdjson.h
    need golang go /usr/local/go/bin/go
    want libsqlite3-dev /usr/include/sqlite3.h
    want libpq-dev /usr/include/postgresql/libpq-fe.h
    want postgresql /usr/lib/postgresql/*/bin/initdb
}

need_for_bench_http()
{
    need_for_demo
    need libssl-dev /usr/include/openssl/ssl.h
    need openssl openssl
    need node-llhttp /usr/share/llhttp/llhttp.c
    need libnghttp2-dev /usr/include/nghttp2/nghttp2.h
    need zlib1g-dev /usr/include/zlib.h
    need libbrotli-dev /usr/include/brotli/decode.h
    need libzstd-dev /usr/include/zstd.h
    need wrk wrk
    need nghttp2-client h2load
    want nghttp2-server nghttpd
    want nginx-light nginx /usr/sbin/nginx
    want h2o h2o /usr/sbin/h2o
    want lighttpd lighttpd /usr/sbin/lighttpd
    want lighttpd-mod-openssl /usr/lib/lighttpd/mod_openssl.so
    want libmicrohttpd-dev /usr/include/microhttpd.h
    want python3-aiohttp /usr/lib/python3/dist-packages/aiohttp
    want golang go /usr/local/go/bin/go
}

need_for_bench_web()
{
    need_for_bench
    need libsqlite3-dev /usr/include/sqlite3.h
    need libpq-dev /usr/include/postgresql/libpq-fe.h
    need node-llhttp /usr/share/llhttp/llhttp.c
    need wrk wrk
    want postgresql /usr/lib/postgresql/*/bin/initdb
    want redis-server redis-server
    want redis-tools redis-benchmark
    want python3-venv /usr/lib/python3*/ensurepip
    for package in aiosqlite asyncpg; do
        want python3-$package /usr/lib/python3/dist-packages/$package
    done
}

need_for_deb()
{
    need_for_demo
    need build-essential /usr/share/build-essential
    need debhelper dh
    need dpkg-dev dpkg-buildpackage
    need git git
    need libssl-dev /usr/include/openssl/ssl.h
    need libpcre2-dev /usr/include/pcre2.h
    need node-llhttp /usr/share/llhttp/llhttp.c
    need libnghttp2-dev /usr/include/nghttp2/nghttp2.h
    need zlib1g-dev /usr/include/zlib.h
    need libbrotli-dev /usr/include/brotli/decode.h
    need libzstd-dev /usr/include/zstd.h
    need libsqlite3-dev /usr/include/sqlite3.h
    need libpq-dev /usr/include/postgresql/libpq-fe.h
    need systemtap-sdt-dev /usr/include/sys/sdt.h /usr/include/*/sys/sdt.h
}

case "${1:-}" in
demo) need_for_demo ;;
test) need_for_test ;;
bench) need_for_bench ;;
bench-http) need_for_bench_http ;;
bench-web) need_for_bench_web ;;
deb) need_for_deb ;;
*)
    echo "usage: tools/setup.sh demo|test|bench|bench-http|bench-web|deb" >&2
    exit 2
    ;;
esac

[ -n "$missing$wanted" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "missing, and no apt-get to install it by:$missing$wanted" >&2
    [ -z "$missing" ]
    exit
fi
as_root=
if [ "$(id -u)" != 0 ]; then
    as_root=sudo
    if ! command -v sudo >/dev/null 2>&1; then
        echo "missing; install as root:$missing$wanted" >&2
        [ -z "$missing" ]
        exit
    fi
fi

# Also without sudo's own environment rules in the way.
apt()
{
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# apt's own output is of interest only when it fails.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1; then
    apt update >"$log" 2>&1 || cat "$log" >&2
fi

# install PACKAGE...: lists that are too old name packages that are gone, so
# fetch them anew, once.
install()
{
    [ $# -gt 0 ] || return 0
    echo "installing: $*"
    apt install --no-install-recommends "$@" >"$log" 2>&1 ||
        { apt update >"$log" 2>&1 &&
            apt install --no-install-recommends "$@" >"$log" 2>&1; } ||
        { cat "$log" >&2; return 1; }
}

# shellcheck disable=SC2086  # lists of packages
{
    install $missing
    install $wanted || echo "going on without:$wanted" >&2
}
