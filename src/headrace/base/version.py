"""The version of this program.

It is written here too, and not asked of the installed package: that takes 50 ms, and says another version when the
package was replaced while a broker runs.
"""

from typing import Final

VERSION: Final = "0.1.0"
