"""Tells before 3 am what would go wrong then."""
