"""The ``headrace`` command, and ``python -m headrace``: loads the rest, which Ctrl-C may interrupt in silence.

Help is asked for more often than anything, and needs next to nothing of it.
"""

import os
import sys

from headrace.cli.exit_codes import EXIT_INTERRUPTED
from headrace.cli.help_page import HELP_FLAGS, help_page


def main() -> None:
    """Run the command that the process was started with, and exit with its code."""
    # Else the linear algebra of NumPy, which nothing here uses, starts a thread for each core and reserves 40 MB.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        if len(sys.argv) == 2 and sys.argv[1] in HELP_FLAGS:
            print(help_page())  # noqa: T201 - this is the command's output
            return
        # Imported here, as it takes a tenth of a second, in which people press Ctrl-C.
        from headrace.cli.main import main as run_command  # noqa: PLC0415

        run_command()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
