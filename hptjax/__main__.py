"""`python -m hptjax`."""

import sys

from hptjax.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
