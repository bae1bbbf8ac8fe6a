"""A KV bucket held in memory by one ordered consumer."""
