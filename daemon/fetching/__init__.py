"""Fetches files into the inbox; its rules keep a URL from reaching what only this machine can reach."""
