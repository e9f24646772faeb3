"""A Postgres server of the tests' own, in a temporary folder and on a Unix socket alone."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.programs import fail_or_skip

START_SECONDS = 60


def _find(name: str) -> str:
    """Return the path of one of the server's programs, which Debian keeps out of the PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    path = shutil.which(name, path=os.pathsep.join([*map(str, reversed(places)), os.environ["PATH"]]))
    if path is None:
        fail_or_skip(f"{name} is not installed")
    return path


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run a server; give the URL of its empty database ``postgres``."""
    initdb, server = _find("initdb"), _find("pg_ctl")
    # The server refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="headrace-postgres-", ignore_cleanup_errors=True) as name:
        folder, data = Path(name), f"{name}/data"
        if user is not None:
            shutil.chown(folder, user)

        def run(*command: str) -> None:
            # Its output goes to a file: a pipe would stay open with the server.
            with (folder / "log").open("ab") as log:
                subprocess.run(command, user=user, cwd=folder, check=True, timeout=START_SECONDS, stdout=log)

        run(initdb, "--pgdata", data, "--auth", "trust", "--username", "headrace", "--no-sync")
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        run(server, "start", "--wait", "--silent", "--pgdata", data, "--options", options)
        try:
            yield f"postgresql://headrace@/postgres?host={folder}"
        finally:
            run(server, "stop", "--wait", "--silent", "--pgdata", data, "--mode", "immediate")
