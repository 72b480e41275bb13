# SPDX-License-Identifier: MIT
"""Builds the Python package: bide's engine and the extension in one file.

The rest is in pyproject.toml.
"""
from glob import glob

from setuptools import Extension, setup

setup(ext_modules=[Extension(
    'bide._core',
    sources=sorted(glob('python/src/*.c') + glob('src/base/*.c') +
                   glob('src/engine/*.c')),
    depends=sorted(glob('python/src/*.h') + glob('src/*/*.h') +
                   glob('include/bide/*.h')),
    include_dirs=['include', 'src', 'python/src'],
    define_macros=[('_GNU_SOURCE', '1')],
    extra_compile_args=['-std=gnu11', '-O2', '-g1', '-fvisibility=hidden',
                        '-Wall', '-Wextra', '-Wno-cast-function-type'],
    extra_link_args=['-Wl,-Bsymbolic'],
)])
