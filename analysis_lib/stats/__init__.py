"""Arithmetic on arrays: it knows no election, no table and no chart."""
