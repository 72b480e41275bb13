#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Install what a command of the Makefile needs and the machine lacks.
#
#     tools/setup.sh demo|test|bench
#
# Knows the package names of Debian and its descendants; elsewhere it says
# what is missing. Touches nothing, and runs no apt, when nothing is.
set -eu

missing=

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

need_for_demo()
{
    need gcc gcc
    need libc6-dev /usr/include/stdio.h
    need meson /usr/bin/meson
    need ninja-build ninja
    need pkg-config pkg-config
}

need_for_test()
{
    need_for_demo
    need binutils nm
    need clang clang
    need g++ g++
    need libclang-rt-14-dev /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.tsan*
    need python3 /usr/bin/python3
}

need_for_bench()
{
    need_for_demo
    need libuv1-dev /usr/include/uv.h
    need python3-uvloop /usr/lib/python3/dist-packages/uvloop
    need golang go /usr/local/go/bin/go
}

case "${1:-}" in
demo) need_for_demo ;;
test) need_for_test ;;
bench) need_for_bench ;;
*)
    echo "usage: tools/setup.sh demo|test|bench" >&2
    exit 2
    ;;
esac

[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "missing, and no apt-get to install it by:$missing" >&2
    exit 1
fi
as_root=
if [ "$(id -u)" != 0 ]; then
    as_root=sudo
    if ! command -v sudo >/dev/null 2>&1; then
        echo "missing; install as root:$missing" >&2
        exit 1
    fi
fi

# Also without sudo's own environment rules in the way.
apt()
{
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# install_missing: apt's own output is of interest only when it fails.
install_missing()
{
    # shellcheck disable=SC2086  # a list of packages
    apt install --no-install-recommends $missing
}

echo "installing:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1; then
    apt update >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
fi
# Lists that are too old name packages that are gone: fetch them anew, once.
install_missing >"$log" 2>&1 ||
    { apt update >"$log" 2>&1 && install_missing >"$log" 2>&1; } ||
    { cat "$log" >&2; exit 1; }
