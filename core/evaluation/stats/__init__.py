"""The statistics of evaluation. Pure: numbers in, numbers out, randomness only from a seed given."""
