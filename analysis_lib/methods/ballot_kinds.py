"""Which events bring a ballot in, and which of them were keyed in by somebody else. Shared by the questions on ballots."""

from __future__ import annotations

CAST = ("cast", "recast")  # by the voter
KEYED_IN = ("entered_by_officer", "imported")  # stamped when keyed in, whenever the ballot was given
COUNTED = (*CAST, *KEYED_IN)
