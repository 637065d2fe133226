"""A chapter's own process: a kernel that dies before it has run anything is started again, any other fault is not."""

from __future__ import annotations

import papermill
import pytest

from analysis_lib.reports import chapter


@pytest.fixture
def tried(monkeypatch):
    """Stand in for papermill: raises what is in `faults`, one at each start."""
    faults, starts = [], []

    def execute_notebook(source, target, parameters, **options):
        starts.append(parameters)
        if len(starts) <= len(faults):
            raise faults[len(starts) - 1]

    monkeypatch.setattr(papermill, "execute_notebook", execute_notebook)
    return faults, starts


def test_a_kernel_that_died_at_its_start_is_started_again(tried):
    faults, starts = tried
    faults += [RuntimeError(chapter.DIED_AT_START)] * 2
    assert chapter.main("source", "target", '{"n": 1}') == 0
    assert starts == [{"n": 1}] * 3


def test_it_gives_up_in_the_end(tried):
    faults, starts = tried
    faults += [RuntimeError(chapter.DIED_AT_START)] * chapter.STARTS
    with pytest.raises(RuntimeError, match="Kernel died"):
        chapter.main("source", "target", '{"n": 1}')
    assert len(starts) == chapter.STARTS


def test_another_fault_is_not_tried_again(tried):
    faults, starts = tried
    faults.append(RuntimeError("no such notebook"))
    with pytest.raises(RuntimeError, match="no such notebook"):
        chapter.main("source", "target", '{"n": 1}')
    assert len(starts) == 1
