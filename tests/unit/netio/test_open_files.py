"""How many files may be open."""

import errno
from collections.abc import Iterator

import pytest

from headrace.netio.open_files import advice_on_shortage, raise_open_file_limit

resource = pytest.importorskip("resource")


@pytest.fixture
def hard() -> Iterator[int]:
    """Begin with a soft limit of 256, and put back what was; give the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_soft_limit_becomes_the_hard_one_which_stays(hard: int) -> None:
    raise_open_file_limit(enough=1 << 40)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)


def test_it_is_not_raised_beyond_what_is_enough_however_much_the_system_allows(hard: int) -> None:
    raise_open_file_limit(enough=300)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (300, hard)


def test_a_limit_that_is_higher_than_enough_is_not_lowered(hard: int) -> None:
    raise_open_file_limit(enough=200)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (256, hard)


@pytest.mark.parametrize(
    ("error_number", "advice"),
    [(errno.EMFILE, "ulimit -n"), (errno.ENFILE, "fs.file-max"), (errno.EPERM, "reason")],
)
def test_the_advice_is_about_the_limit_that_was_met(error_number: int, advice: str) -> None:
    assert advice in advice_on_shortage(error_number)
