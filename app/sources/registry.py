"""Agents from the registry, facts and state buckets."""
