"""Processes that can be killed, that may not write, or whose disk fails: run for real."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

_DROP_BOUND, _OVERRIDE, _READ_SEARCH = 24, 1, 2  # prctl: a root that obeys file permissions like anybody else


def _obey_permissions():
    libc = ctypes.CDLL(None)
    for capability in (_OVERRIDE, _READ_SEARCH):
        libc.prctl(_DROP_BOUND, capability, 0, 0, 0)


@pytest.fixture
def python():
    """Run code in a process of its own and give back what it printed, its errors and its exit code."""
    if sys.platform == "win32":
        pytest.skip("signals and permissions of Unix")

    def run(code, *arguments, env=None, obedient=False, **options):
        return subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            env={**os.environ, **(env or {})},
            preexec_fn=_obey_permissions if obedient else None,
            **options,
        )

    return run
