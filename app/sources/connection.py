"""Supervised NATS connection."""
