"""A person's question about some files, or about none, and its answer."""
