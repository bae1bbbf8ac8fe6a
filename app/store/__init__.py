"""The store: what the worker keeps on disk. One thread writes, others read; nothing of it runs on the event loop."""
