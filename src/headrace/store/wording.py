"""What is said of a database that cannot be used: one line, with what to do."""


def broken(where: str, reason: str) -> str:
    """Say that what is stored is damaged."""
    return (
        f"{where} is broken ({reason}): put a backup in its place, or move it away to begin anew; "
        "nothing was changed"
    )


def explain(where: str, error: BaseException) -> str:
    """Say what ``error``, of SQLite, of a driver or of SQLAlchemy, means."""
    # Postgres has values of the row in the lines after the first.
    reason = next(iter(str(error).splitlines()), "")
    match getattr(error, "sqlite_errorname", "").split("_"):
        case ["SQLITE", "BUSY" | "LOCKED", *_]:
            return f"{where} is locked by another program: end that, or try again"
        case ["SQLITE", "CORRUPT" | "NOTADB", *_]:
            return broken(where, reason)
        case ["SQLITE", "FULL", *_]:
            return f"cannot write {where}: {reason}: make room on its disk"
    return f"cannot use {where}: {reason}"


def other_version(where: str, version: int, known: int) -> str:
    """Say that a state has the schema ``version``, where this program reads ``known``."""
    schemas = f"(schema {version}, this one knows {known})"
    if version > known:
        return (
            f"{where} was written by a newer Headrace {schemas}: "
            "update Headrace, or name another place with --state; nothing was changed"
        )
    return f"{where} was written by an older Headrace {schemas}: 'headrace channels list' brings it up to date"
