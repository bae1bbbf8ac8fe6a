"""An embedded nats-server and a simulated fleet that talks real NATS."""
