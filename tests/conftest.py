"""What all tests share."""

from hypothesis import HealthCheck, settings

# A busy machine may take long for an example, or for making some up: that is no fault of what is tested.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
