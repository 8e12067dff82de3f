"""Registry: administrative units, organisations, teams and their members, on any day.

Owns the map with its reforms, the tree of organisations, who is on which team, where, since when; people's names and
phones stay in its vault. Publishes an event of each change of these (`shared/contracts/registry.py`). Follows nobody.
"""
