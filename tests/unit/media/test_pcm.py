import av
import numpy as np
import pytest

from headrace.media.pcm import MAX_DEVIATION_SAMPLES, MAX_GAP_SAMPLES, F32Array, PcmBlocks, Resampler, pcm_frame


def counted(start: int, samples: int) -> F32Array:
    """Return samples whose values are their numbers."""
    return np.tile(np.arange(start, start + samples, dtype=np.float32), (2, 1))


def feed(blocks: PcmBlocks, start: int, samples: int) -> list[tuple[int, F32Array]]:
    return blocks.feed(pcm_frame(counted(start, samples)), -(-start * 1_000_000 // 48_000))


def test_blocks_are_numbered_without_a_gap() -> None:
    blocks = PcmBlocks(1024)
    found = [block for start in range(0, 9_600, 960) for block in feed(blocks, start, 960)]
    assert [first for first, _ in found] == [0, 1024, 2048, 3072, 4096, 5120, 6144, 7168, 8192]
    assert np.array_equal(np.concatenate([samples for _, samples in found], axis=1), counted(0, 9 * 1024))


def test_the_first_sample_tells_where_it_begins() -> None:
    assert [first for first, _ in feed(PcmBlocks(100), 4_800, 250)] == [4_800, 4_900]


def test_a_hole_is_filled_with_silence() -> None:
    blocks = PcmBlocks(1000)
    feed(blocks, 0, 1000)
    [(first, hole), (_, silent), (_, silent_too), (last, sound)] = feed(blocks, 4_000, 1000)
    assert (first, last) == (1_000, 4_000)
    assert not hole.any()
    assert not silent.any()
    assert not silent_too.any()
    assert np.array_equal(sound, counted(4_000, 1000))
    assert blocks.inserted_samples == 3_000


def test_what_overlaps_is_cut() -> None:
    blocks = PcmBlocks(1000)
    feed(blocks, 0, 5_000)
    found = feed(blocks, 2_000, 5_000)
    assert [first for first, _ in found] == [5_000, 6_000]
    assert np.array_equal(found[0][1], counted(5_000, 1000))
    assert blocks.trimmed_samples == 3_000


@pytest.mark.parametrize(
    ("deviation", "inserted"),
    [(MAX_DEVIATION_SAMPLES, 0), (MAX_DEVIATION_SAMPLES + 48, MAX_DEVIATION_SAMPLES + 48)],
)
def test_small_deviations_are_rounding(deviation: int, inserted: int) -> None:
    blocks = PcmBlocks(480)
    feed(blocks, 0, 4_800)
    feed(blocks, 4_800 + deviation, 480)
    assert blocks.inserted_samples == inserted


def test_a_wild_time_moves_on_without_filling_the_memory() -> None:
    blocks = PcmBlocks(1000)
    feed(blocks, 0, 1000)
    start = 1000 + MAX_GAP_SAMPLES + 48
    assert [first for first, _ in feed(blocks, start, 1000)] == [start]
    assert blocks.inserted_samples == 0


def test_other_rates_and_layouts_are_converted() -> None:
    resampler = Resampler()
    frame = av.AudioFrame.from_ndarray(np.full((1, 22_050), 8_192, np.int16), format="s16", layout="mono")
    frame.sample_rate = 22_050
    samples = np.concatenate((resampler.convert(frame), resampler.flush()), axis=1)
    assert samples.shape[0] == 2
    assert abs(samples.shape[1] - 48_000) <= 32
    assert np.allclose(samples[0], samples[1])
    assert samples[:, 24_000].min() > 0.1


def test_a_format_may_change_on_the_way() -> None:
    resampler = Resampler()
    for rate_hz, layout in ((44_100, "stereo"), (32_000, "mono"), (48_000, "5.1")):
        frame = av.AudioFrame(format="fltp", layout=layout, samples=rate_hz // 10)
        frame.sample_rate = rate_hz
        assert resampler.convert(frame).shape[0] == 2
