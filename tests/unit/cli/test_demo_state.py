from pathlib import Path

from headrace.base.stream_key import is_stream_key
from headrace.cli.demo_state import make_demo_state
from headrace.cli.state import open_state


def test_each_channel_has_a_key_that_opens_it(tmp_path: Path) -> None:
    keys = make_demo_state(tmp_path / "state", ["a", "b"])
    with open_state(str(tmp_path / "state")) as store:
        directory = store.directory()
    assert sorted(directory.channels) == sorted(keys) == ["a", "b"]
    for channel_id, key in keys.items():
        assert is_stream_key(key)
        entry = directory.find_key(key)
        assert entry is not None
        assert entry.channel_id == channel_id
