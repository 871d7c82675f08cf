"""Tries out on this very machine what was never run on one of its kind."""
