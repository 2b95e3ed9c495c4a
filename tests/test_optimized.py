"""The tests marked `optimized`, in a process that compiles as users do.

XLA reads its flags once, when it starts, so no test can change them in its own process.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compilations import MARK, UNOPTIMIZED

TESTS = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.skipif(os.environ["XLA_FLAGS"] != UNOPTIMIZED, reason="they run beside the others")
def test_the_tests_marked_optimized_pass_as_users_compile():
    # the others would only be imported, which takes ten seconds of processor time
    files = [path for path in sorted(TESTS.glob("test_*.py")) if MARK in path.read_text()]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", "optimized", *files]
    done = subprocess.run(command, env=os.environ | {"XLA_FLAGS": ""}, capture_output=True)
    told = done.stdout.decode()
    assert done.returncode == 0, told
    assert re.search(r"\b[1-9]\d* passed", told)
