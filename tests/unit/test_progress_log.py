"""Lines of progress in a log: not too many, and the last one at the end."""

from simsepsis.cli.progress import LOG_SECONDS, Bar, Log, Pace


def log_of(seconds):
    """Return a log, the lines that it writes, and the clock that it goes by."""
    lines, now = [], [0.0]

    def clock():
        return now[0]

    def go(log, done, total, note=""):
        now[0] += seconds
        log(done, total, note)

    log = Log(words="Replicates", write=lines.append, clock=clock)
    return log, lines, go


def test_a_line_is_written_once_a_minute_with_the_time_left():
    log, lines, go = log_of(seconds=7.0)
    for done in range(1, 101):
        go(log, done, 200, f"{done} failed rows")
    assert len(lines) == int(700 / (7 * -(-LOG_SECONDS // 7)))
    assert lines[0] == "Replicates: 9 of 200, about 0:22:17 left, 9 failed rows"
    log.end()
    assert lines[-1] == "Replicates: 100 of 200, about 0:11:40 left, 100 failed rows"


def test_the_end_is_said_once():
    log, lines, go = log_of(seconds=90.0)
    go(log, 1, 2)
    go(log, 2, 2)
    log.end()
    assert lines == ["Replicates: 1 of 2", "Replicates: 2 of 2, in 0:03:00"]


def test_what_was_there_before_and_the_time_before_the_first_do_not_count_in_the_pace():
    log, lines, go = log_of(seconds=100.0)
    for _ in range(5):
        log.say("computing truths")
    go(log, 500, 1000)
    go(log, 510, 1000)
    assert lines[-1] == "Replicates: 510 of 1,000, about 1:21:40 left"


def test_a_bar_shows_the_time_left_at_the_pace_so_far():
    now, shown = [0.0], []

    class Line:
        def update(self, task, **fields):
            shown.append(fields["left"])

    bar = Bar(bar=Line(), task=0, pace=Pace(clock=lambda: now[0]))
    for done, total in ((500, 1000), (510, 1000), (520, 2000), (2000, 2000)):
        bar(done, total)
        now[0] += 45.0
    # 10 in 45 s; a total that grows takes its time; at the end nothing is left.
    assert shown == ["", "about 0:36:45 left", "about 1:51:00 left", ""]


def test_nothing_is_said_of_what_had_nothing_to_do():
    log, lines, _ = log_of(seconds=1.0)
    log.end()
    assert lines == []
    log.say("settling 2 worlds")
    assert lines == ["Replicates: settling 2 worlds"]
