"""Sound: the media engine, its port, and what it plays."""
