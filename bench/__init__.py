"""Measurements: each prints a ratio or a rate, with the machine it was taken on."""
