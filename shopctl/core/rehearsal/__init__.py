"""Tonight's sale, rehearsed: a crowd runs through the real use cases on a scratch copy of the shop, by a clock that is moved.

scratch.py   a store with what a sale of one SKU needs     crowd.py    who comes when, and does what: drawn from a seed
clock.py     time that is moved, and what is due when      run.py      the crowd, the admitter, the sale, in virtual time
report.py    what became of it, read from the store        advice.py   what this machine sustains, in real time
live.py      by the real clock: processes of shoppers      shoppers.py what each of them does    ways.py   calls, or HTTP

Of a rehearsal that is not live nothing but time is played: joins, rounds, turns, checkouts and their ends are those of a shop at work, and so is what goes
wrong with them. The same seed and the same catalogue give the same report. The real shop is only read.
"""

from shopctl.core.rehearsal.advice import CROWD, Advice, measure, sale_of
from shopctl.core.rehearsal.clock import Clock
from shopctl.core.rehearsal.report import Moment, Report, course
from shopctl.core.rehearsal.run import Plan, address_in, judged, must_stand, run
from shopctl.core.rehearsal.scratch import NAME, Scratch, furnish, make, store_beside

__all__ = [
    "CROWD",
    "NAME",
    "Advice",
    "Clock",
    "Moment",
    "Plan",
    "Report",
    "Scratch",
    "address_in",
    "course",
    "furnish",
    "judged",
    "make",
    "measure",
    "must_stand",
    "run",
    "sale_of",
    "store_beside",
]
