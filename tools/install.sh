#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Install what tools/build.sh has built: below /usr/local, or where
# `meson configure build --prefix=...` said; DESTDIR is obeyed.
set -eu
cd "$(dirname "$0")/.."
meson=/usr/bin/meson
[ -x "$meson" ] || meson=meson
"$meson" install -C build --no-rebuild --quiet
# The dynamic linker finds a new library through its cache, which only root
# can write; an installation elsewhere has no part in it.
if [ -z "${DESTDIR:-}" ] && [ "$(id -u)" = 0 ]; then
    ldconfig
fi
