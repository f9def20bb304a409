"""Hypothesis: the same examples in each run. ``pytest tests/sip --hypothesis-profile=explore`` looks for new ones."""

from hypothesis import settings

settings.register_profile("seeded", max_examples=200, derandomize=True, database=None, deadline=None)
settings.register_profile("explore", max_examples=5000, deadline=None)
settings.load_profile("seeded")
