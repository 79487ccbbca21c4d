"""Batches take a few seconds, and less towards the end, so that no worker waits long for another."""

from simsepsis.experiment.replicates import BATCH_SECONDS, BATCHES_PER_WORKER, LEAST_SECONDS, Pace


def sizes_of(pace):
    sizes = []
    while pace.left:
        sizes.append(pace.take(pace.left))
    return sizes


def test_nothing_is_known_before_the_first_batch():
    assert Pace(workers=2, left=1_000).take(1_000) == 1


def test_batches_take_their_time_until_few_are_left():
    pace = Pace(workers=2, left=10_000, replicates=10, seconds=1.0)
    sizes = sizes_of(pace)
    assert sum(sizes) == 10_000
    assert sizes[0] == BATCH_SECONDS * 10
    assert sizes == sorted(sizes, reverse=True)
    # At any moment there is work for every worker while the last batch is done.
    shares = [sum(sizes[place:]) / (2 * BATCHES_PER_WORKER) for place in range(len(sizes))]
    assert all(size <= max(share, LEAST_SECONDS * 10) for size, share in zip(sizes, shares, strict=True))


def test_a_batch_is_no_larger_than_its_span_and_no_smaller_than_one():
    pace = Pace(workers=2, left=100, replicates=1000, seconds=1.0)
    assert pace.take(3) == 3
    assert pace.left == 97
    slow = Pace(workers=2, left=3, replicates=1, seconds=100.0)
    assert sizes_of(slow) == [1, 1, 1]
