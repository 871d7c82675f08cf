"""Evaluations: runs of test cases through a model, and what came of each case."""
