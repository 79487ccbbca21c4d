"""The trials of all parts of a plan as one count, and the time left that follows from it."""

from simsepsis.trial.planning import Effort, compute_plan
from simsepsis.trial.planning.compute import Tally, _parts


def shown_by(tally_parts, *parts):
    shown = []
    tally = Tally(show=lambda done, total: shown.append((done, total)), parts=dict(tally_parts))
    for part, calls in parts:
        tally.begin(part)
        for call in calls:
            tally(*call)
    tally.end()
    return shown


def test_simulations_one_after_another_are_one_count():
    shown = shown_by(
        {"a": 400, "b": 200},
        ("a", [(100, 200), (200, 200), (100, 200), (200, 200)]),
        ("b", [(100, 200), (200, 200)]),
    )
    assert shown == [(100, 600), (200, 600), (300, 600), (400, 600), (500, 600), (600, 600), (600, 600)]


def test_trials_that_were_kept_count_neither_as_done_nor_as_to_come():
    shown = shown_by({"a": 2_000, "b": 200}, ("a", [(900, 1_000), (1_000, 1_000), (100, 1_000)]), ("b", []))
    assert shown[:3] == [(100, 1_400), (200, 1_400), (300, 1_400)]
    assert shown[-1] == (300, 300)


def test_a_second_size_that_must_be_tried_makes_the_total_grow():
    shown = shown_by(
        {"a": 200, "b": 50}, ("a", [(100, 100), (100, 100), (50, 100), (100, 100)]), ("b", [(50, 50)])
    )
    assert shown == [(100, 250), (200, 250), (250, 350), (300, 350), (350, 350), (350, 350)]


def test_a_plan_counts_as_many_trials_as_it_said(protocol):
    shown = []
    small = protocol({"run.pool": 4_000, "run.trials": 20})
    compute_plan(small, effort=Effort(jobs=1), progress=lambda *now: shown.append(now))
    counts = [done for done, _ in shown]
    assert counts == sorted(counts)
    expected = sum(_parts(small).values())
    assert shown[0] == (20, expected)
    # Populations that cannot have a trial are not simulated, and a second size may be.
    assert 0.6 * expected <= counts[-1] <= expected + 60
    assert shown[-1] == (counts[-1], counts[-1])
