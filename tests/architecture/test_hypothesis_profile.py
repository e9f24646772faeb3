"""A property holds or not; how fast a machine looks for examples does not matter."""

from hypothesis import HealthCheck, settings


def test_no_property_fails_because_a_machine_is_busy() -> None:
    assert settings().deadline is None
    assert HealthCheck.too_slow in settings().suppress_health_check
