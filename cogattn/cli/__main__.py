"""``python -m cogattn.cli``."""

import sys

from cogattn.cli import main

if __name__ == "__main__":
    sys.exit(main())
