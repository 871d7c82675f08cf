"""Keeps image features, so that no tile is encoded twice. No torch: features are bytes here."""
