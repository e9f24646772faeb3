"""What the sessions of browsers are doing, as plain values."""

import json
from random import Random

from tests.support.encoded_streams import encoded_stream, payloads_of
from tests.support.layered_producer import LayeredProducer
from tests.support.recoder import Recoder
from tests.support.reordered import B_FRAMES
from tests.support.rtc_stage import CHANNEL, Stage

from headrace.endpoints.rtc_snapshot import NO_ROOM, RtcSnapshot


def test_each_session_stands_among_the_subscribers_of_its_channel() -> None:
    stage = Stage()
    snapshot = RtcSnapshot(stage.endpoint)
    stage.joined()
    stage.browser()
    stage.stream(30)
    connected, connecting = snapshot.session_facts(CHANNEL, stage.now_us)
    assert connected["channel"] == CHANNEL
    assert connected["session_id"] == "session-1"
    assert connected["address"] == "10.1.0.1:5000"
    assert connected["state"] == "current"
    assert connected["connected_seconds"] == 1.2
    assert connected["sent_packets"] > 90
    assert connected["sent_payload_bytes"] > 90_000
    assert (connecting["state"], connecting["address"], connecting["sent_packets"]) == ("connecting", None, 0)
    assert snapshot.session_facts("another", stage.now_us) == []
    json.dumps([connected, connecting])


def test_of_a_channel_that_is_watched_it_is_known_what_its_pictures_are() -> None:
    stage = Stage()
    snapshot = RtcSnapshot(stage.endpoint)
    assert snapshot.channel_facts("another") == NO_ROOM
    assert snapshot.channel_facts(CHANNEL) == NO_ROOM
    stage.endpoint.take(CHANNEL, payloads_of(encoded_stream(5)), stage.now_us)
    facts = snapshot.channel_facts(CHANNEL)
    assert facts == {
        "sessions": {"count": 0},
        "video": {"codec": "H.264", "width": 320, "height": 180},
        "has_reordering": False,
        "notice": None,
        "recoding": None,
        "recoded": {},
        "layers": [],
    }


def test_who_has_made_an_offer_and_never_called_does_not_watch() -> None:
    stage = Stage()
    snapshot = RtcSnapshot(stage.endpoint)
    browser = stage.joined()
    for _ in range(20):
        stage.browser()
    assert snapshot.channel_facts(CHANNEL)["sessions"] == {"count": 1}
    assert snapshot.broker_facts()["watching_sessions"] == 1
    stage.endpoint.end(browser.session_id, "kicked", stage.now_us)
    assert snapshot.channel_facts(CHANNEL)["sessions"] == {"count": 0}


def test_the_endpoint_as_a_whole_is_counted() -> None:
    stage = Stage()
    stage.joined()
    stage.browser()
    stage.hand_over([(Random(1).randbytes(30), bytes(28))])
    assert RtcSnapshot(stage.endpoint).broker_facts() == {
        "sessions": 2,
        "half_open_sessions": 1,
        "watching_sessions": 1,
        "recoded_channels": 0,
        "max_recoded_channels": 0,
        "ignored_browser_packets": {"unknown_peer": 1},
    }


def test_the_layers_of_a_channel_are_told_and_which_each_viewer_gets() -> None:
    stage = Stage()
    producer = LayeredProducer(stage)
    producer.film(40)
    browser = stage.joined()
    browser.session.choose_layer("l")
    producer.film(25)
    snapshot = RtcSnapshot(stage.endpoint)
    layers = snapshot.channel_facts(CHANNEL)["layers"]
    assert [(one["rid"], one["is_alive"], one["is_best"]) for one in layers] == [
        ("h", True, True),
        ("m", True, False),
        ("l", True, False),
    ]
    assert layers[0]["bitrate_bps"] > layers[2]["bitrate_bps"] > 100_000
    (viewer,) = snapshot.session_facts(CHANNEL, stage.now_us)
    assert (viewer["layer"], viewer["wanted_layer"]) == ("l", "l")
    json.dumps(layers)


def test_what_is_re_encoded_is_told_of_with_its_figures() -> None:
    stage = Stage()
    stage.endpoint.open_room("recoded", recoder=Recoder())
    stage.endpoint.take("recoded", payloads_of(encoded_stream(10, video_options=B_FRAMES)), stage.now_us)
    snapshot = RtcSnapshot(stage.endpoint, 3)
    facts = snapshot.channel_facts("recoded")
    assert (facts["has_reordering"], facts["notice"]) == (True, None)
    assert facts["recoding"] == {"why": "B-frames", "pictures": 10, "left_out_pictures": 0, "failures": 0}
    assert facts["recoded"] == {"pictures": 10, "left_out_pictures": 0, "failures": 0}
    broker = snapshot.broker_facts()
    assert (broker["recoded_channels"], broker["max_recoded_channels"]) == (1, 3)
