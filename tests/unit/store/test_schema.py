import re

from headrace.store.schema import MIGRATIONS, SCHEMA_VERSION


def test_each_step_is_a_version_and_names_no_tables_but_ours() -> None:
    assert len(MIGRATIONS) == SCHEMA_VERSION
    tables = re.findall(r"(?:TABLE|REFERENCES) (\w+)", " ".join(sum(MIGRATIONS, ())))
    assert tables
    assert all(table.startswith("headrace_") for table in tables)
