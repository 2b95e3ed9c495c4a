"""`python -m hptjax`."""

import sys

from hptjax.cli.main import entry

if __name__ == "__main__":
    sys.exit(entry())
