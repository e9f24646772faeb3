"""The ``headrace`` command, and ``python -m headrace``: loads the rest, which Ctrl-C may interrupt in silence."""

import os
import sys

from headrace.cli.exit_codes import EXIT_INTERRUPTED


def main() -> None:
    """Run the command that the process was started with, and exit with its code."""
    # Else the linear algebra of NumPy, which nothing here uses, starts a thread for each core and reserves 40 MB.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        # Imported here, as it takes a tenth of a second, in which people press Ctrl-C.
        from headrace.cli.main import main as run_command  # noqa: PLC0415

        run_command()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
