import os
from pathlib import Path

import pytest

from headrace.service import control_path


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def test_it_is_in_the_runtime_folder_under_the_port(runtime: Path) -> None:
    assert control_path.control_path(8890) == runtime / "headrace" / "8890.sock"


def test_without_a_runtime_folder_it_is_in_the_users_own_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert control_path.control_path(1) == tmp_path / f"headrace-{os.getuid()}" / "1.sock"


def test_the_folder_is_its_users_alone_and_may_be_there(runtime: Path) -> None:
    control_path.make_control_folder()
    control_path.make_control_folder()
    assert (runtime / "headrace").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_can_enter_is_refused(runtime: Path) -> None:
    (runtime / "headrace").mkdir(mode=0o755)
    with pytest.raises(PermissionError, match="only its owner"):
        control_path.make_control_folder()


def test_a_link_to_a_folder_is_refused(runtime: Path) -> None:
    (runtime / "elsewhere").mkdir(mode=0o700)
    (runtime / "headrace").symlink_to(runtime / "elsewhere")
    with pytest.raises(PermissionError, match="only its owner"):
        control_path.make_control_folder()
