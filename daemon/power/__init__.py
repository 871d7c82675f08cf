"""How smolwatch is polite to the machine that it runs on."""
