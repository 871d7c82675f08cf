"""Measures the engine that the daemon runs."""
