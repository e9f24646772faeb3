"""The composition root: a broker built from one configuration, run and stopped."""
