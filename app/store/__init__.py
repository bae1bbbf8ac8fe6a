"""The session store: what must last. One writer; readers never wait for it."""
