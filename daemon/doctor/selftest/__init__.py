"""Trials on this machine, for systems on which smolwatch was never tested."""
