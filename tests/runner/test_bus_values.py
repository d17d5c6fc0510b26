"""Values on the bus: what a writer has committed reaches the watches of its address without a query."""

from runner.bus import Bus


def test_a_published_value_wakes_and_reaches_each_watch() -> None:
    bus = Bus()
    with bus.watch("execution:1") as first, bus.watch("execution:1") as second, bus.watch("execution:2") as other:
        bus.publish("execution:1", "row")
        assert (first.is_set, first.value, second.value) == (True, "row", "row")
        assert (other.is_set, other.value) == (False, None)


def test_the_newest_value_stays_when_a_watch_is_cleared_or_only_hinted() -> None:
    bus = Bus()
    with bus.watch("execution:1") as watch:
        bus.publish("execution:1", "old")
        bus.publish("execution:1", "new")
        watch.clear()
        bus.hint("execution:1")
        assert (watch.is_set, watch.value) == (True, "new")


def test_a_value_that_was_published_before_the_watch_is_not_seen() -> None:
    bus = Bus()
    bus.publish("execution:1", "row")
    with bus.watch("execution:1") as watch:
        assert (watch.is_set, watch.value) == (False, None)
