"""The worker's HTTP side: health endpoints and the feed, on a Unix socket and, if asked, on TCP."""
