"""Texts that hold no number: what a verdict is called, what a finding cannot show, how a clock may be read."""

from __future__ import annotations

from analysis_lib.results import Verdict

VERDICTS = {
    Verdict.BREACH_RECORDED: "Recorded breach of a rule",
    Verdict.NO_BREACH: "No breach recorded",
    Verdict.NOT_EXPLAINED: "Not explained by the stated baseline",
    Verdict.WITHIN_BASELINE: "Within the baseline",
    Verdict.COULD_CHANGE: "Could have changed the result",
    Verdict.COULD_NOT_CHANGE: "Could not have changed the result",
    Verdict.UNDETERMINED: "Undetermined",
    Verdict.CANNOT_BE_ANSWERED: "Cannot be answered with the data held",
}
CANNOT_SHOW = {
    "totals_reconciliation": "why two figures differ, which of them is right, or who caused the difference",
    "struck_ballots": "whom the struck ballots were for, or whether striking them was right",
    "roll_reconciliation": "which of two lists is right, or who caused the difference",
    "record_rules": "why a row breaks a rule, or who is answerable for it",
    "edits_outside_window": "whether a late change was granted as an exception, or whom it helped",
    "cast_rate_bursts": "who cast the ballots, or why they came together",
    "falling_turnout_counts": "whether ballots were taken out rightly, or whether a display was only out of date",
    "operator_gaps": "who cast the ballots, or whether it was one person: a queue at a tablet keeps an even pace too",
    "list_order": "who cast the ballots, or why they came in this order",
    "record_order": "why the order differs, or what was done to the log",
    "shared_origin": "how many people stood behind one network or device, or who they were",
    "clock_offset": "which of two clocks is right where nothing else bounds them, or who set a clock",
    "ballots_outside_window": "whether a late ballot was given in time, allowed by a notice not held, or stamped by a wrong clock",
    "closing_surge": "why ballots came late, or who cast them",
    "late_choice_shift": "why late voters chose otherwise: they may differ in ways that no column holds",
    "late_choice_bounds": "whom any late ballot was for, or whether a late ballot was given in good order",
    "reissue_rates": "whether a reissue was asked for by word of mouth, or what became of it",
    "reissue_to_ballot_delay": "who cast the ballot: a member just helped by an officer votes at once too",
    "channel_gap": "why the channels differ: members choose their channel, and a gap is no evidence of its cause",
}
READINGS = {
    "as_recorded": "as recorded",
    "offset_removed": "with the clock's known error removed",
    "clock_slow": "if the clock ran slow",
    "clock_fast": "if the clock ran fast",
    "other_zone": "if UTC and local time were mixed up",
    "other_fold": "if the repeated hour was the other one",
    "anchored": "as events that other records fix in time place it",
}
FORMS = {  # what tells apart several answers to one question
    "within_hour": "within the hour",
    "peer_baseline": "against peers",
    "turnout_counts": "from a running count",
    "hours": "by whole hours",
    "even_gaps": "how even the gaps are",
    "band_run": "longest run at one pace",
    "roll": "the roll",
    "issue": "order in which codes went out",
    "seq_vs_time": "numbers against times",
    "shuffled": "receipts that were to be mixed",
    "network": "networks",
    "device": "devices",
    "session": "visits",
    "peers": "against peers",
    "own_days": "against its own earlier days",
    "after_close": "after the close",
    "branch": "by branch",
    "administrator": "by administrator",
}
