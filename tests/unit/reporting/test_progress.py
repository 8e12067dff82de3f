"""The fold of progress against a model written plainly, for any history, any order across streams, any cut."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporting.projections.progress import progress
from services.reporting.projections.results import results
from shared.projection import fold_all
from tests.support.folding import in_batches
from tests.support.histories import History, batches, histories, merged
from tests.unit.reporting import model

ANY_HISTORY = histories()
OF_OUTREACH = histories(attempts=(0, 0))
OF_COURSES = histories(guidances=(0, 0))


@given(OF_OUTREACH)
@settings(max_examples=80, deadline=None)
def test_the_read_model_is_what_the_sets_of_live_guidances_say(history: History) -> None:
    assert model.plain(fold_all(progress, history.all())) == model.progress(history.all())


@given(OF_COURSES)
@settings(max_examples=50, deadline=None)
def test_course_results_are_what_the_sets_of_learners_say(history: History) -> None:
    assert model.plain(fold_all(results, history.all())) == model.results(history.all())


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_the_order_across_streams_does_not_matter(data: st.DataObject) -> None:
    history = data.draw(OF_OUTREACH)
    some_order = data.draw(merged([history.registry, history.outreach]))
    assert fold_all(progress, some_order) == fold_all(progress, history.all())


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_any_cut_gives_the_same_rows_with_no_more_loaded_than_needs_name(data: st.DataObject) -> None:
    history = data.draw(ANY_HISTORY)
    for projection in (progress, results):
        cut = data.draw(batches(data.draw(merged(list(history)))))
        assert in_batches(projection, cut) == fold_all(projection, history.all())
