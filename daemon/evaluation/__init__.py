"""Measures the daemon's engine."""
