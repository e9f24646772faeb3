"""What a stream has a second."""

from headrace.media.picture_rates import MAX_PICTURES, PictureRates


def rates_of(pictures: int, *, step_90khz: int = 3_000, size_bytes: int = 1_000) -> PictureRates:
    rates = PictureRates()
    for number in range(pictures):
        rates.note(number * step_90khz, size_bytes)
    return rates


def test_of_less_than_a_second_nothing_is_said() -> None:
    rates = rates_of(30)
    assert (rates.bits_per_second, rates.pictures_per_second) == (None, None)
    assert PictureRates().bits_per_second is None


def test_bits_and_pictures_a_second_are_those_of_the_newest_four() -> None:
    rates = rates_of(240, size_bytes=9_000)
    for number in range(240):
        rates.note(720_000 + number * 3_000, 1_000)
    assert rates.pictures_per_second == 30
    assert rates.bits_per_second is not None
    assert 240_000 <= rates.bits_per_second <= 245_000


def test_the_order_of_decoding_does_not_matter() -> None:
    rates = PictureRates()
    for group in range(20):
        for number in (3, 1, 0, 2):
            rates.note((4 * group + number) * 3_600, 1_000)
    assert rates.pictures_per_second == 25


def test_times_that_jump_begin_anew() -> None:
    rates = rates_of(90)
    rates.note(90_000_000, 1_000)
    assert rates.bits_per_second is None


def test_no_more_pictures_are_kept_than_said_and_no_more_told_than_there_can_be() -> None:
    rates = rates_of(MAX_PICTURES + 500, step_90khz=100)
    assert len(rates._newest) == MAX_PICTURES
    assert rates._bits == MAX_PICTURES * 8_000
    assert rates.pictures_per_second == 120
    assert rates_of(2, step_90khz=300_000).pictures_per_second == 1
