"""What is measured: a module for each scenario, with a constant ``SCENARIO``."""
