"""The daemon as a service of the system: launchd on a Mac, systemd elsewhere."""
