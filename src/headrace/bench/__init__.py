"""What Headrace costs, measured on the machine it runs on: scenarios, baselines, results."""
