"""Evaluations: one module a kind. Each asks through a `Session` and returns an `EvalResult`."""
