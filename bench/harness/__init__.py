# SPDX-License-Identifier: MIT
"""The parts of run.py: building, measuring, the claims, the report."""
