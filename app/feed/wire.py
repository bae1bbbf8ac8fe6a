"""Snapshot to bytes and back, whole or as changed rows by key."""
