import os
from pathlib import Path

import pytest

from headrace.netio.process import resident_bytes


def test_memory_is_counted_in_bytes(tmp_path: Path) -> None:
    (tmp_path / "statm").write_text("900 300 20 1 0 100 0\n")
    assert resident_bytes(tmp_path / "statm") == 300 * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells")
def test_this_process_takes_some() -> None:
    assert 1 << 20 < (resident_bytes() or 0) < 1 << 36


@pytest.mark.parametrize("text", ["", "900", "a b c"])
def test_where_the_system_does_not_tell_it_is_unknown(tmp_path: Path, text: str) -> None:
    assert resident_bytes(tmp_path / "missing") is None
    (tmp_path / "statm").write_text(text)
    assert resident_bytes(tmp_path / "statm") is None
