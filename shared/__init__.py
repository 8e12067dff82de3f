"""What every service shares: the dictionary of events and the plumbing that moves them. No business rule lives here."""
