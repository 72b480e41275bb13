#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Stand in for a test program that cannot run here, and say why.

    skip.py REASON
"""
import sys

print(f'1..0 # SKIP {sys.argv[1]}')
sys.exit(77)
