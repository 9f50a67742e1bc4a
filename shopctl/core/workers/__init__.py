"""Workers: processes that do, again and again, what waits in a shop. Any number of them share the work.

life.py   heartbeats, and turns at what one does at a time     jobs.py   what there is to do     rounds.py   doing it
"""

from shopctl.core.workers.rounds import Planned, Round, Rounds, plan

__all__ = ["Planned", "Round", "Rounds", "plan"]
