"""What servers, and the rooms of one server, tell each other: plain events on a bus."""
