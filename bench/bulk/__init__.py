"""Measurements of bulk generation against a scripted server: `python -m bench`."""
