"""SIPp parties and scenarios, written in Python and run with plain `sipp -sf`: see README.md.

`script` writes one party, `office` invents the organisation a scenario needs, the other modules hold the scenarios
themselves, one function each, named after the rows of the feature list they show.
"""
