"""The system as SimPy processes, which are its specification; the kernel repeats their rules.

One replication has these parts, each a file, and each imports only those before it::

    schedule          the order of an instant
    draws             the random numbers
    replication       what all parts share: the videos, the clock, the recorder
    publisher         what one is for, and where it is in its life
    publishing_stage  where videos and ready publishers meet
    pool              when publishers are ordered, and how many there should be
    deliveries        what a broker does between encoders and stage
    life              the life of a publisher, as one process
    rules             decisions at the end of an instant
    encoders          an encoding, as one process, and the life of an encoder
    client            offers the videos, as one process
    system            wires the parts

A feature (a quota, a broker, a failure, a limit) is a branch in the process that it changes. Whatever takes no
time is a plain call within a step of such a process. All times are whole ticks (microseconds), except for those
that a catalogue, a scenario and the hooks of a strategy have in seconds.
"""

from tv2sim.base.errors import UsersError
from tv2sim.engines.model.draws import Draws
from tv2sim.engines.model.system import System, run_model
from tv2sim.results.recorder import Observer

__all__ = ["Draws", "Observer", "System", "UsersError", "run_model"]
