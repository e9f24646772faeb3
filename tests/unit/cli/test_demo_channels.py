from pathlib import Path

import pytest

from headrace.cli.demo_channels import NoSamplesError, demo_channels, find_samples


def make_samples(folder: Path) -> Path:
    (folder / "frames").mkdir(parents=True)
    (folder / "audio").mkdir()
    (folder / "clip.mp4").touch()
    return folder


def test_the_demo_shows_a_folder_a_file_and_a_pattern() -> None:
    channels = demo_channels(Path("/s"))
    assert [channel.channel_id for channel in channels] == ["1AAA99", "2BBB99", "3CCC99"]
    folder, file, pattern = (channel.arguments for channel in channels)
    assert folder[:6] == ("--frames", "/s/frames", "--audio", "/s/audio", "--rate", "10")
    assert file[:2] == ("--file", "/s/clip.mp4")
    assert pattern[0] == "--test"
    assert all("--loop" in arguments for arguments in (folder, file))
    assert all(channel.arguments[-4:-2] == ("--preset", "ultrafast") for channel in channels)
    assert all("--title" in channel.arguments for channel in channels)


def test_samples_are_where_it_is_said_or_here_or_in_the_checkout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given, here = make_samples(tmp_path / "given"), make_samples(tmp_path / "here" / "samples")
    monkeypatch.chdir(here.parent)
    assert find_samples(given) == given
    assert find_samples(None) == Path("samples")
    monkeypatch.chdir(tmp_path)
    assert find_samples(None) == Path(__file__).parents[3] / "samples"


@pytest.mark.parametrize("missing", ["frames", "audio", "clip.mp4"])
def test_a_folder_without_all_of_them_is_refused(missing: str, tmp_path: Path) -> None:
    samples = make_samples(tmp_path / "given")
    (samples / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(NoSamplesError, match="--samples DIR"):
        find_samples(samples)
