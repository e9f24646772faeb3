from itertools import pairwise

import pytest
from tests.support.transport import packets_of

from headrace.mpegts.demuxer import Demuxer
from headrace.mpegts.muxer import PMT_PID
from headrace.mpegts.packet import PAT_PID, decode_packet, packet_pid
from headrace.mpegts.packetizer import PAYLOAD_BYTES
from headrace.mpegts.pes import PTS_MODULUS_90KHZ, pts_distance_90khz
from headrace.mpegts.slate_player import FIRST_PTS_90KHZ, MAX_CATCH_UP_US, PICTURE_90KHZ, Slate, SlatePlayer

VIDEO_PID, AUDIO_PID = 0x100, 0x101
KEYFRAME = b"\0\0\0\1\x09\x10" + b"k" * 3_000
PICTURES = (KEYFRAME, *(b"\0\0\0\1\x09\x30" + bytes([number]) * 40 for number in range(1, 6)))
SOUND = b"s" * 104
SLATE = Slate(PICTURES, SOUND, 2)
START_US = 5_000_000


def play(player: SlatePlayer, until_us: int) -> list[tuple[int, bytes]]:
    """Poll at the player's own times; return payloads with them."""
    played: list[tuple[int, bytes]] = []
    while (now_us := player.poll_timer()) <= until_us:
        payloads = player.poll(now_us)
        assert payloads
        played += [(now_us, payload) for payload in payloads]
    return played


def joined(played: list[tuple[int, bytes]]) -> bytes:
    return b"".join(payload for _, payload in played)


def counters_go_on(ts: bytes) -> bool:
    last: dict[int, int] = {}
    for data in packets_of(ts):
        packet = decode_packet(data)
        expected = (last.get(packet.pid, packet.continuity_counter - 1) + packet.has_payload) & 15
        if packet.continuity_counter != expected:
            return False
        last[packet.pid] = packet.continuity_counter
    return True


def test_it_starts_at_once_with_tables_and_the_keyframe() -> None:
    player = SlatePlayer(SLATE, START_US)
    assert player.poll_timer() == START_US
    assert player.poll(START_US - 1) == []
    ts = b"".join(player.poll(START_US))
    assert [packet_pid(packet) for packet in packets_of(ts)[:3]] == [PAT_PID, PMT_PID, VIDEO_PID]
    first, sound = Demuxer().feed(ts)
    assert (first.payload, first.random_access, first.pts_90khz) == (KEYFRAME, True, FIRST_PTS_90KHZ)
    assert (sound.payload, sound.pts_90khz) == (SOUND, FIRST_PTS_90KHZ)


def test_payloads_are_whole_packets_and_fit_into_a_datagram() -> None:
    sizes = {len(payload) for _, payload in play(SlatePlayer(SLATE, START_US), START_US + 5_000_000)}
    assert max(sizes) == PAYLOAD_BYTES
    assert all(size % 188 == 0 for size in sizes)


def test_the_group_repeats_while_times_and_counters_go_on() -> None:
    ts = joined(play(SlatePlayer(SLATE, START_US), START_US + 20_000_000))
    demuxer = Demuxer()
    units = demuxer.feed(ts)
    video = [unit for unit in units if unit.pid == VIDEO_PID]
    assert len(video) == 235
    assert [unit.payload for unit in video] == [PICTURES[at % 6] for at in range(235)]
    assert [unit.random_access for unit in video] == [at % 6 == 0 for at in range(235)]
    assert [unit.pts_90khz for unit in video] == [FIRST_PTS_90KHZ + at * PICTURE_90KHZ for at in range(235)]
    sound = [unit.pts_90khz for unit in units if unit.pid == AUDIO_PID]
    assert sound == [FIRST_PTS_90KHZ + at * PICTURE_90KHZ for at in range(0, 235, 2)]
    assert demuxer.drops == {}
    assert counters_go_on(ts)


def test_without_sound_no_stream_of_sound_is_declared() -> None:
    ts = joined(play(SlatePlayer(Slate(PICTURES), START_US), START_US + 1_000_000))
    assert {packet_pid(packet) for packet in packets_of(ts)} == {PAT_PID, PMT_PID, VIDEO_PID}
    assert b"s" * 20 not in ts


def test_pictures_leave_in_step_with_their_clock_references() -> None:
    references: list[tuple[int, int]] = []
    for now_us, payload in play(SlatePlayer(SLATE, START_US), START_US + 60_000_000):
        for data in packets_of(payload, VIDEO_PID):
            pcr_27mhz = decode_packet(data).pcr_27mhz
            if pcr_27mhz is not None:
                references.append((now_us, pcr_27mhz))
    steps_27mhz = {later[1] - earlier[1] for earlier, later in pairwise(references)}
    assert steps_27mhz == {PICTURE_90KHZ * 300}
    assert max(steps_27mhz) <= 27_000 * 100
    first_us, first_27mhz = references[0]
    assert all(abs((pcr - first_27mhz) / 27 - (now_us - first_us)) <= 1 for now_us, pcr in references)


@pytest.mark.parametrize("late_us", [50_000, MAX_CATCH_UP_US - 100_000])
def test_a_busy_machine_makes_up_for_what_it_missed(late_us: int) -> None:
    player, punctual = SlatePlayer(SLATE, START_US), SlatePlayer(SLATE, START_US)
    player.poll(START_US)
    late = player.poll(START_US + late_us + 100_000)
    play(punctual, START_US)
    assert late == [payload for _, payload in play(punctual, START_US + late_us + 100_000)]
    assert player.poll_timer() == punctual.poll_timer()


def test_after_a_long_sleep_it_goes_on_from_now_with_a_keyframe() -> None:
    player = SlatePlayer(SLATE, START_US)
    ts = joined(play(player, START_US + 1_200_000))
    woken_us = START_US + 3_600_000_000
    payloads = player.poll(woken_us)
    assert len(payloads) == 3
    [picture, *_] = Demuxer().feed(b"".join(payloads))
    assert picture.payload == KEYFRAME
    assert picture.random_access
    assert picture.pts_90khz is not None
    assert 0 <= 3_600 * 90_000 - (picture.pts_90khz - FIRST_PTS_90KHZ) < PICTURE_90KHZ
    assert woken_us < player.poll_timer() <= woken_us + 85_334
    assert counters_go_on(ts + b"".join(payloads))


def test_its_times_wrap_after_a_day() -> None:
    player = SlatePlayer(SLATE, START_US)
    wrap_us = START_US + (PTS_MODULUS_90KHZ - FIRST_PTS_90KHZ) * 100 // 9
    player.poll(wrap_us - 2_000_000)
    demuxer = Demuxer()
    units = demuxer.feed(joined(play(player, wrap_us + 2_000_000)))
    times = [unit.pts_90khz for unit in units if unit.pid == VIDEO_PID and unit.pts_90khz is not None]
    assert times[0] > times[-1]
    assert {pts_distance_90khz(earlier, later) for earlier, later in pairwise(times)} == {PICTURE_90KHZ}


def test_its_ticks_do_not_drift() -> None:
    player = SlatePlayer(Slate(PICTURES), START_US)
    due_us = [player.poll_timer()]
    for _ in range(10_000):
        player.poll(due_us[-1])
        due_us.append(player.poll_timer())
    # Three pictures are 256 ms.
    assert due_us[9_999] - START_US == 3_333 * 256_000
    assert {later - earlier for earlier, later in pairwise(due_us)} == {85_333, 85_334}
