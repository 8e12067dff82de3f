"""Registry: administrative units, organisations, teams and their members.

Owns who is on which team, where, since when; people's names and phones stay in its vault. Publishes unit_established,
organisation_registered, team_formed, member_joined, member_left. Follows nobody.
"""
