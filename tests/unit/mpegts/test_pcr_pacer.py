from headrace.mpegts.packet import PCR_MODULUS_27MHZ, encode_packet
from headrace.mpegts.pcr_pacer import (
    FOREIGN_PCRS_TO_SWITCH,
    MAX_CATCH_UP_US,
    MAX_PCR_STEP_US,
    PacedPiece,
    PcrPacer,
)

PAYLOAD = encode_packet(0x101, 0, b"x" * 184)


def clock_packet(time_us: int, pid: int = 0x100, *, discontinuity: bool = False) -> bytes:
    packet = encode_packet(pid, 0, b"", pcr_27mhz=time_us * 27)
    return packet[:5] + bytes([packet[5] | (0x80 if discontinuity else 0)]) + packet[6:]


def due_times_us(pacer: PcrPacer, times_us: list[int], now_us: int) -> list[int]:
    pieces = [piece for time_us in times_us for piece in pacer.feed(clock_packet(time_us), now_us)]
    return [piece.due_us for piece in pieces]


def test_pieces_run_from_one_reference_to_the_next() -> None:
    first, second = clock_packet(1_000_000), clock_packet(1_040_000)
    pieces = PcrPacer().feed(PAYLOAD + first + PAYLOAD + second + PAYLOAD + PAYLOAD, 500)
    assert pieces == [
        PacedPiece(500, PAYLOAD),
        PacedPiece(500, first + PAYLOAD),
        PacedPiece(40_500, second + PAYLOAD + PAYLOAD),
    ]


def test_what_follows_a_reference_later_is_due_with_it() -> None:
    pacer = PcrPacer()
    pacer.feed(clock_packet(0) + clock_packet(40_000), 0)
    assert pacer.feed(PAYLOAD, 10) == [PacedPiece(40_000, PAYLOAD)]


def test_a_thousand_references_do_not_drift() -> None:
    assert due_times_us(PcrPacer(), [n * 33_333 for n in range(1_000)], 7)[-1] == 999 * 33_333 + 7


def test_a_late_live_stream_is_never_delayed() -> None:
    pacer = PcrPacer()
    late_us = [0, 0, 900_000, 100, 0]
    for number, late in enumerate(late_us):
        now_us = number * 40_000 + late
        [piece] = pacer.feed(clock_packet(number * 40_000), now_us)
        assert piece.due_us == number * 40_000 <= now_us


def test_the_clock_wraps_without_a_step() -> None:
    end_us = PCR_MODULUS_27MHZ // 27
    assert due_times_us(PcrPacer(), [end_us - 40_000, end_us, end_us + 40_000], 0) == [0, 40_000, 80_000]


def test_a_jump_goes_on_from_what_is_still_to_be_sent() -> None:
    pacer = PcrPacer()
    times_us = [0, 40_000, 5_000_000, 5_040_000, 100, 40_100]
    assert due_times_us(pacer, times_us, 0) == [0, 40_000, 40_000, 80_000, 80_000, 120_000]
    assert pacer.reanchors == 2


def test_the_longest_step_is_kept_and_one_more_is_a_jump() -> None:
    assert due_times_us(PcrPacer(), [0, MAX_PCR_STEP_US], 0) == [0, MAX_PCR_STEP_US]
    assert due_times_us(PcrPacer(), [0, MAX_PCR_STEP_US + 1], 0) == [0, 0]


def test_an_announced_discontinuity_is_a_jump() -> None:
    pacer = PcrPacer()
    pieces = pacer.feed(clock_packet(0) + clock_packet(40_000, discontinuity=True), 9)
    assert [piece.due_us for piece in pieces] == [9, 9]


def test_after_a_suspension_it_starts_anew() -> None:
    for late_us, expected_us in ((MAX_CATCH_UP_US, 40_000), (MAX_CATCH_UP_US + 1, MAX_CATCH_UP_US + 40_001)):
        pacer = PcrPacer()
        pacer.feed(clock_packet(0), 0)
        [piece] = pacer.feed(clock_packet(40_000), 40_000 + late_us)
        assert piece.due_us == expected_us


def test_references_of_another_program_do_not_count_until_ours_end() -> None:
    pacer = PcrPacer()
    pacer.feed(clock_packet(0), 0)
    for number in range(1, FOREIGN_PCRS_TO_SWITCH):
        [piece] = pacer.feed(clock_packet(number * 1_000, 0x200), 0)
        assert piece.due_us == 0
    pacer.feed(clock_packet(100_000, 0x200), 50)
    [piece] = pacer.feed(clock_packet(140_000, 0x200), 50)
    assert piece.due_us > 50
