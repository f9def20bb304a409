"""Call control: one coroutine per call, its legs, the fork that rings, the bridge that joins."""
