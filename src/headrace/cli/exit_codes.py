"""What the process ends with.

Source: the shell's convention: 2 for wrong usage, 128 and the signal's number for what a signal cut short.
"""

from typing import Final

EXIT_FAILURE: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130
