"""The four services. None imports another; they meet only in the events of `shared.contracts`."""
