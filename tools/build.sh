#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Build into build/, which is configured when it is not yet.
#
#     tools/build.sh [NINJA-TARGET...]
#
# Debian's meson is called by its path: a python3 earlier in PATH can bring a
# meson that is a shim of another Python's and does not run.
set -eu
cd "$(dirname "$0")/.."
meson=/usr/bin/meson
[ -x "$meson" ] || meson=meson

# What meson and ninja say is of interest only when they fail.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [ ! -e build/build.ninja ]; then
    "$meson" setup build >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
fi
ninja -C build "$@" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
