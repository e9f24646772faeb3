from headrace.cli.paste_lines import publishing_lines
from headrace.srt.stream_id import parse_stream_id

KEY = "hrk_" + "a2" * 16


def test_the_key_alone_is_the_stream_id_and_finds_its_channel() -> None:
    request = parse_stream_id(KEY)
    assert (request.resource, request.mode, request.credential) == ("", "publish", KEY)
    lines = publishing_lines("192.0.2.10:8890", "live", KEY)
    assert f"          Server:     srt://192.0.2.10:8890?streamid={KEY}" in lines
    assert lines[3].endswith(f'"srt://192.0.2.10:8890?streamid={KEY}&pkt_size=1316"')
    assert lines[4].endswith(f"STREAM_KEY={KEY} headrace produce live --broker 192.0.2.10:8890")


def test_an_encrypted_channel_has_its_passphrase_in_the_address() -> None:
    lines = publishing_lines("192.0.2.10:8890", "live", KEY, "correct-horse")
    assert sum(f"?streamid={KEY}&passphrase=correct-horse&pbkeylen=32" in line for line in lines) == 2
    assert f"STREAM_KEY={KEY} PASSPHRASE=correct-horse headrace produce live" in lines[4]
