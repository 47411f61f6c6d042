"""What an evaluation asks, how verdicts are read, what is computed, and what a result says. Pure."""
