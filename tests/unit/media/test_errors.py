from headrace.base.errors import HeadraceError
from headrace.media.errors import MediaError


def test_it_is_one_of_ours() -> None:
    assert issubclass(MediaError, HeadraceError)
