#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Build the library and run the demonstration.
set -eu
cd "$(dirname "$0")/.."
tools/build.sh
exec build/demo/requests
