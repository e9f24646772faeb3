import pytest

from headrace.codecs.hevc import NalType, is_keyframe, nal_type


@pytest.mark.parametrize(
    ("first", "kind"), [(0x40, 32), (0x42, 33), (0x44, 34), (0x46, 35), (0x26, 19), (0x02, 1)]
)
def test_a_type_stands_in_the_middle_of_the_first_byte(first: int, kind: int) -> None:
    assert nal_type(bytes([first, 1])) == kind


def test_pictures_with_which_decoding_can_start() -> None:
    starting = [kind for kind in range(64) if is_keyframe([bytes([kind << 1, 1])])]
    assert starting == [16, 17, 18, 19, 20, 21]
    assert NalType.CRA in starting
    assert not is_keyframe([])
