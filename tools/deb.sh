#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Build Debian packages of what is checked out, into build/deb/. A copy of
# the sources is built, since the build leaves files beside them.
set -eu
cd "$(dirname "$0")/.."
out=$PWD/build/deb
rm -rf "$out"
mkdir -p "$out/bide"
git ls-files -z --cached --others --exclude-standard |
    tar -c --null --ignore-failed-read -T - | tar -x -C "$out/bide"

log=$out/build.log
(cd "$out/bide" && dpkg-buildpackage --no-sign --build=binary) \
    >"$log" 2>&1 || { tail -n 50 "$log" >&2; exit 1; }
rm -rf "$out/bide"
ls "$out"/*.deb
