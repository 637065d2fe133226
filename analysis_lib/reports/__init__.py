"""From chapters to a report: run the notebooks, collect what they found, print it as one page."""

from analysis_lib.reports.collect import load_findings, record

__all__ = ["load_findings", "record"]
