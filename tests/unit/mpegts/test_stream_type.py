from headrace.mpegts.stream_type import VIDEO_STREAM_TYPES, StreamType


def test_the_numbers_are_those_of_the_standard() -> None:
    assert (StreamType.H264, StreamType.HEVC, StreamType.AAC_ADTS, StreamType.METADATA) == (0x1B, 0x24, 0x0F, 0x15)


def test_sound_and_metadata_are_no_pictures() -> None:
    assert StreamType.H264 in VIDEO_STREAM_TYPES
    assert not VIDEO_STREAM_TYPES & {StreamType.AAC_ADTS, StreamType.METADATA, StreamType.PRIVATE_DATA}
