"""Feed over HTTP on a Unix socket, loopback or HTTPS; reconnects by itself."""
