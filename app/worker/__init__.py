"""The background worker: collects, judges and publishes; owns its state folder while it runs."""
