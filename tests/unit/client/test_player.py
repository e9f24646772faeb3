"""Players that are small shell scripts."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.client import player as module
from headrace.client.player import PLAYERS, NoPlayerError, Player, check_player

InstallPlayer = Callable[[str, str], Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InstallPlayer:
    """Return what puts a script of a name on an otherwise empty PATH and returns its output file's path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def write_script(name: str, body: str) -> Path:
        output = tmp_path / "output"
        script = folder / name
        script.write_text(f"#!/bin/sh\n{body.replace('OUTPUT', str(output))}\n")
        script.chmod(0o755)
        return output

    return write_script


def wait_for(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 8
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.002)


def content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def assert_over(player: Player) -> None:
    assert player._process.poll() is not None
    assert not player._thread.is_alive()


@pytest.mark.usefixtures("install")
def test_without_a_player_the_error_says_what_to_install() -> None:
    for use in check_player, lambda: Player("cam"):
        with pytest.raises(NoPlayerError, match="install one of mpv, ffplay, vlc"):
            use()


def test_the_best_player_installed_is_taken(install: InstallPlayer) -> None:
    for name in reversed(PLAYERS):
        install(name, "exit 0")
        assert check_player() == name


@pytest.mark.parametrize("name", list(PLAYERS))
def test_a_player_reads_the_stream_and_has_the_title(install: InstallPlayer, name: str) -> None:
    output = install(name, 'echo "$@" > OUTPUT; exec /bin/cat >> OUTPUT')
    player = Player("cam $HOME; {x}")
    player.write([b"first ", b"second "])
    player.write([b"third"])
    wait_for(lambda: content(output).endswith(b"first second third"))
    player.close()
    assert_over(player)
    assert b"cam $HOME; {x}" in content(output)


def test_a_player_that_the_person_closes_takes_nothing_more(install: InstallPlayer) -> None:
    install("mpv", "exit 0")
    player = Player("cam")
    wait_for(lambda: player._process.poll() is not None)
    for _ in range(3):
        player.write([bytes(1316)])
    player.close()
    assert_over(player)


def test_a_player_that_is_closed_in_the_middle_of_a_write_ends_its_thread(install: InstallPlayer) -> None:
    output = install("mpv", "echo > OUTPUT; exec /bin/sleep 60")
    player = Player("cam")
    player.write([bytes(1_000_000)])
    wait_for(lambda: bool(content(output)))
    player._process.kill()
    player._thread.join(5)
    player.close()
    assert_over(player)


def test_a_paused_player_holds_up_nobody_and_holds_a_bounded_number_of_writes(install: InstallPlayer) -> None:
    install("mpv", "exec /bin/sleep 60")
    player = Player("cam")
    player.write([bytes(1_000_000)])
    for _ in range(module.MAX_WAITING_WRITES + 100):
        player.write([b"x"])
    assert player._waiting.qsize() == module.MAX_WAITING_WRITES
    started = time.monotonic()
    player.close()
    assert time.monotonic() - started < module.END_SECONDS
    assert_over(player)


def test_a_player_that_does_not_want_to_end_is_killed(
    install: InstallPlayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "END_SECONDS", 0.2)
    output = install("mpv", "trap '' TERM; echo > OUTPUT; exec /bin/sleep 60")
    player = Player("cam")
    wait_for(lambda: bool(content(output)))
    player.close()
    assert_over(player)
    assert player._process.returncode < 0


def test_closing_twice_does_nothing(install: InstallPlayer) -> None:
    install("mpv", "exec /bin/cat")
    player = Player("cam")
    player.close()
    player.close()
    assert_over(player)
