from headrace.remux.access_unit import AccessUnit, Codec


def test_pictures_and_sound_are_told_apart() -> None:
    kinds = {codec: AccessUnit(codec, 0, 0, []).is_video for codec in Codec}
    assert kinds == {Codec.H264: True, Codec.HEVC: True, Codec.AV1: True, Codec.AAC: False, Codec.OPUS: False}


def test_a_picture_is_named_without_its_bytes() -> None:
    assert "secret" not in repr(AccessUnit(Codec.H264, 1, 1, [b"secret"]))
