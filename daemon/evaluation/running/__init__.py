"""Runs the cases of suites through an engine, in batches, and measures."""
