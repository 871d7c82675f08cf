"""Finds problems before they stop the daemon."""
