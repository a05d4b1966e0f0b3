"""One line of the table: times by contender, and what they are held against."""

import dataclasses
import statistics


@dataclasses.dataclass
class Figure:
    """`samples`: by contender, one number a round, in `unit`."""

    name: str
    part: str
    unit: str
    samples: dict
    floor: float = None       # what nestp is to reach at most, as `measure` gives it
    measure: str = "ratio"    # "ratio" to chroot, "above" it, or the "value" itself
    failed: dict = dataclasses.field(default_factory=dict)
    counted: dict = None      # what nestp counted in a run of its own (shares.of)

    def median(self, contender):
        samples = self.samples.get(contender)
        return statistics.median(samples) if samples else None

    def reached(self, contender="nestp", best=False):
        """What is held against the floor; None if a side is missing.  `best`: from the minima."""
        take = (lambda who: min(self.samples[who], default=None) if self.samples.get(who) else None)
        take = take if best else self.median
        value, native = take(contender), take("chroot")
        if value is None or self.measure == "value":
            return value
        if not native:
            return None
        return value / native if self.measure == "ratio" else value - native

    def good(self):
        """None where there is no floor, or nothing to hold against it."""
        reached = self.reached()
        if self.floor is None or reached is None:
            return None
        return reached <= self.floor

    def as_json(self):
        def summary(samples):
            return {"median": statistics.median(samples), "minimum": min(samples),
                    "samples": samples}
        return {"name": self.name, "part": self.part, "unit": self.unit, "measure": self.measure,
                "floor": self.floor, "reached": self.reached(),
                "reached_by_minima": self.reached(best=True), "good": self.good(),
                "contenders": {who: summary(s) for who, s in self.samples.items() if s},
                "failed": self.failed, "counted": self.counted}
