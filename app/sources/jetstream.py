"""Streams, consumers and the account, by raw JetStream API requests."""
