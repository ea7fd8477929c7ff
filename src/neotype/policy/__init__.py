"""MAY IT LEAVE? Thresholds and expectations turn scores into a decision, with every reason."""
