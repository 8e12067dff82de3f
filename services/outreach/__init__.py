"""Outreach: campaigns, and who guided which citizen in what, when, where.

Owns campaigns and guidances; citizens only as keyed hashes. Publishes campaign_launched, citizen_guided,
guidance_withdrawn. Follows registry for teams' members and units.
"""
