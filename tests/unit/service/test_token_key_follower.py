"""Keys for tokens are rotated while a broker runs."""

import asyncio
from pathlib import Path

import pytest
from tests.support.jwks_files import write_jwks

from headrace.service.token_key_file import TokenKeyFile, TokenKeyFileError
from headrace.service.token_key_follower import TokenKeyFollower


def test_other_keys_are_told_of_and_the_same_are_not(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "keys.json"
        write_jwks(path, "k1")
        file, seen = TokenKeyFile(path), asyncio.Queue[list[str]]()
        follower = TokenKeyFollower(file, lambda: seen.put([key.key_id for key in file.keys]))
        await follower.start()
        assert [key.key_id for key in file.keys] == ["k1"]
        write_jwks(path, "k1", "k2")
        async with asyncio.timeout(20):
            assert await seen.get() == ["k1", "k2"]
        await follower.stop()
        await follower.stop()
        assert seen.empty()

    asyncio.run(main())


def test_a_file_that_cannot_be_used_at_the_start_is_an_error(tmp_path: Path) -> None:
    async def main() -> None:
        follower = TokenKeyFollower(TokenKeyFile(tmp_path / "none"), asyncio.Event().wait)  # type: ignore[arg-type]
        with pytest.raises(TokenKeyFileError):
            await follower.start()
        await follower.stop()

    asyncio.run(main())
