"""``python -m gridkit`` does what the command ``gridkit`` does."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
