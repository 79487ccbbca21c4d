import itertools
import math
import signal
import threading
import time

import pytest

from simsepsis.analysis.methods.time_limit import TimeLimitError, attempt_within, time_limit
from simsepsis.analysis.result import attempt
from simsepsis.replication import run_batches

REASON = "ended at the time limit of 0.1 s"


def sleep() -> None:
    time.sleep(60)


def loop() -> int:
    return sum(1 for _ in itertools.count())


def limited(step):
    return attempt_within(0.1, step)


@pytest.mark.parametrize("step", [sleep, loop])
def test_a_step_that_never_ends_is_a_failure_with_its_reason(step):
    begin = time.monotonic()
    found = limited(step)
    assert (found.value, found.failure) == (None, REASON)
    assert 0.1 <= found.seconds <= time.monotonic() - begin < 30


def test_the_same_holds_in_a_worker_process():
    found = list(run_batches(limited, [sleep, loop], jobs=2))
    assert [one.failure for one in found] == [REASON, REASON]


def test_a_loop_ends_in_a_thread_too():
    found = []
    thread = threading.Thread(target=lambda: found.append(limited(loop)))
    thread.start()
    thread.join(timeout=60)
    assert found[0].failure == REASON


def test_a_quick_step_is_as_without_limit_and_no_timer_is_left():
    handler = signal.getsignal(signal.SIGALRM)
    assert attempt_within(30.0, lambda: math.sqrt(4.0)).value == 2.0
    assert attempt_within(30.0, lambda: math.sqrt(-1.0)).failure == "math domain error"
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is handler


def test_no_inner_step_takes_the_end_for_its_own_failure():
    def outer() -> str:
        return attempt(sleep).failure or ""

    assert limited(outer).failure == REASON


def test_the_outer_limit_stands_still_while_an_inner_step_has_its_own():
    def outer() -> tuple[str | None, float]:
        inner = attempt_within(0.3, sleep)
        return inner.failure, signal.getitimer(signal.ITIMER_REAL)[0]

    failure, left = attempt_within(0.2, outer).value or ("", 0.0)
    assert failure == "ended at the time limit of 0.3 s"
    assert 0.0 < left <= 0.2


def test_without_a_limit_nothing_is_set():
    with time_limit(None):
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    with pytest.raises(TimeLimitError), time_limit(0.05):
        sleep()
