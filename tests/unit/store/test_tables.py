from headrace.store.tables import METADATA


def test_all_names_say_whose_tables_they_are() -> None:
    assert all(name.startswith("headrace_") for name in METADATA.tables)
