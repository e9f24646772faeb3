import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from headrace.base.errors import HeadraceError
from headrace.cli import main as main_module


def run_main(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str, raises: BaseException | None = None
) -> object:
    """Run `main` in ``folder``, its command replaced by one that raises if asked for; return the exit code."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["headrace", *arguments])
    if raises is not None:

        def fail(**_: object) -> None:
            raise raises

        monkeypatch.setattr(main_module, "app", fail)
    with pytest.raises(SystemExit) as ended:
        main_module.main()
    return ended.value.code


def test_the_version_is_the_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not run_main(monkeypatch, tmp_path, "--version")
    assert capsys.readouterr().out == metadata.version("headrace") + "\n"


def test_without_arguments_the_help_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(monkeypatch, tmp_path) == 2
    out, err = capsys.readouterr()
    assert "produce" in out
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bogus"], "No such command 'bogus'. (headrace --help shows what can be typed)"),
        (["check", "--bogus"], "No such option: --bogus (headrace check --help shows what can be typed)"),
        (["serve", "extra"], "(headrace serve --help shows what can be typed)"),
        (["check", "--timeout", "soon"], "(headrace check --help shows what can be typed)"),
    ],
)
def test_wrong_usage_is_one_line_that_says_where_to_look(
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_main(monkeypatch, tmp_path, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("headrace: ")
    assert err.endswith(said + "\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (HeadraceError("do this"), 1, "headrace: do this\n"),
        (OSError(28, "No space left on device"), 1, "headrace: [Errno 28] No space left on device\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_goes_wrong_is_one_line_and_a_code(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_main(monkeypatch, tmp_path, raises=error) == code
    assert capsys.readouterr().err == said


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(main_module, "app", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main_module.main()


def test_the_environment_wins_over_dotenv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: dict[str, str | None] = {}
    for name in ("BROKER_ADDRESS", "TITLE"):
        monkeypatch.setenv(name, "restored by monkeypatch")
    monkeypatch.setenv("BROKER_ADDRESS", "from the environment")
    monkeypatch.delenv("TITLE")
    (tmp_path / ".env").write_text("BROKER_ADDRESS=from .env\nTITLE='ä title'\n", encoding="utf-8")
    monkeypatch.setattr(
        main_module,
        "app",
        lambda **_: seen.update({key: os.environ.get(key) for key in ("BROKER_ADDRESS", "TITLE")}),
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main_module.main()
    assert seen == {"BROKER_ADDRESS": "from the environment", "TITLE": "ä title"}


def test_a_dotenv_that_is_no_text_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe\n")
    assert run_main(monkeypatch, tmp_path, "--version") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"headrace: cannot read {tmp_path / '.env'}: ")


LOADING_MAIN = (
    "import os, sys\n"
    "class Interrupted:\n"
    "    def find_spec(self, name, *_):\n"
    "        if name == 'headrace.cli.main': raise KeyboardInterrupt\n"
    "sys.meta_path.insert(0, Interrupted())\n"
    "from headrace.__main__ import main\n"
    "try: main()\n"
    "finally: print(os.environ['OPENBLAS_NUM_THREADS'])\n"
)


@pytest.mark.parametrize(("wanted", "threads"), [(None, "1"), ("3", "3")])
def test_ctrl_c_while_modules_load_is_no_traceback(
    wanted: str | None, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    if wanted is not None:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", wanted)
    done = subprocess.run(
        [sys.executable, "-c", LOADING_MAIN], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, f"{threads}\n", "")


def test_a_process_without_standard_streams_gets_them_from_the_null_device() -> None:
    script = (
        "import os, sys\n"
        "from headrace.cli.main import _open_missing_streams\n"
        "assert sys.stdin is sys.stdout is None\n"
        "_open_missing_streams()\n"
        "assert sys.stdin.read() == ''\n"
        "print('nowhere', flush=True)\n"
        "null = os.stat(os.devnull)\n"
        "assert all(os.path.samestat(os.fstat(number), null) for number in (0, 1))\n"
        "assert not os.path.samestat(os.fstat(2), null)\n"
    )
    done = subprocess.run(
        ["/bin/sh", "-c", '"$0" -c "$1" <&- >&-', sys.executable, script],
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
