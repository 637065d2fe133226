"""Two editions of a report: the public one holds no key, the restricted one says which keys the numbered cases have."""

from __future__ import annotations

from enum import StrEnum

NOTICE = (
    "Restricted edition: holds keys of members. For the people named in the data-sharing agreement only; not for publication."
)


class Edition(StrEnum):
    """Whom a report is for: anybody, or the people whom the data-sharing agreement names."""

    PUBLIC = "public"
    RESTRICTED = "restricted"

    @property
    def suffix(self) -> str:
        """What names of the edition's files and folders end with."""
        return "" if self is Edition.PUBLIC else f"_{self}"

    @property
    def notice(self) -> str:
        """What stands on top of every page; nothing on a public one. No sign in it that CSS or HTML would escape."""
        return "" if self is Edition.PUBLIC else NOTICE

    @property
    def page(self) -> str:
        """The file name of the report's page."""
        return f"report{self.suffix}.html"

    @property
    def index(self) -> str:
        """The file name of the page that links several reports."""
        return f"index{self.suffix}.html"
