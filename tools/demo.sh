#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Build the library and run the examples, each introduced by its file's name.
set -eu
cd "$(dirname "$0")/.."
tools/build.sh
for source in examples/*.c; do
    printf '\n$ %s\n' "$source"
    "build/${source%.c}"
done
