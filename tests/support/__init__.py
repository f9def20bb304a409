"""Helpers of the tests that run real programs: the server, SIPp, baresip, pjsua2."""
