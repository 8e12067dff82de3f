"""Reporting: province-wide read models, folded from the streams of registry, outreach and courses, and served to
everyone.

Owns projections only: every row here can be dropped and recomputed. Publishes nothing. Follows all.
"""
