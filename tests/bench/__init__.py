"""`python -m tests.bench`: the product against its peers and its own ceilings, each a real program.

Every figure is a ratio of two sides that were measured in the same run; see docs/performance.md.
"""
