"""The public names and the rooms that they live in: read by type checkers, and by ``__init__.py`` itself."""

from tv2sim import plots as plots
from tv2sim.theory import queueing as queueing
from tv2sim.catalogue import (
    Catalogue as Catalogue, Import as Import, Rejected as Rejected, Survey as Survey, Video as Video,
    generate_catalogue as generate_catalogue, import_catalogue as import_catalogue,
    read_catalogue as read_catalogue, survey_catalogue as survey_catalogue,
)  # fmt: skip
from tv2sim.world.distributions import (
    Constant as Constant, Distribution as Distribution, Empirical as Empirical, Exponential as Exponential,
    Gamma as Gamma, LogNormal as LogNormal, Scipy as Scipy, Triangular as Triangular, Uniform as Uniform,
)  # fmt: skip
from tv2sim.base.errors import (
    CatalogueError as CatalogueError, InputError as InputError, LagError as LagError,
    MissingExtraError as MissingExtraError, OutputError as OutputError, ScenarioError as ScenarioError,
    StrategyError as StrategyError, TV2SimError as TV2SimError, TV2SimWarning as TV2SimWarning,
)  # fmt: skip
from tv2sim.results.event_kinds import LogEntry as LogEntry
from tv2sim.experiments.comparison import Comparison as Comparison
from tv2sim.experiments.replicate_and_compare import compare as compare, replicate as replicate
from tv2sim.experiments.replications import Replications as Replications
from tv2sim.experiments.sensitivity import Sensitivity as Sensitivity, sensitivity as sensitivity
from tv2sim.experiments.validate import Validation as Validation, validate as validate
from tv2sim.experiments.workers import Interrupted as Interrupted
from tv2sim.world.fitting import Candidate as Candidate, Fit as Fit, fit as fit
from tv2sim.world.scenario_parts import (
    KAFKA as KAFKA, REDIS as REDIS, Broker as Broker, Faults as Faults, RetryLater as RetryLater,
)  # fmt: skip
from tv2sim.experiments.planning import Plan as Plan, plan as plan
from tv2sim.world.prices import Prices as Prices
from tv2sim.world.profiles import Profile as Profile
from tv2sim.realtime import Replay as Replay, replay as replay
from tv2sim.experiments.simulate import simulate as simulate
from tv2sim.results.run import Run as Run
from tv2sim.results.saving import load_run as load_run
from tv2sim.world.scenario import Scenario as Scenario
from tv2sim.inference.intervals import Precision as Precision
from tv2sim.strategies import policies as policies
from tv2sim.strategies.builtin import (
    PART_1 as PART_1, PART_2A as PART_2A, PART_2B as PART_2B, PART_2C as PART_2C, STRATEGIES as STRATEGIES,
)  # fmt: skip
from tv2sim.strategies.hooks import (
    Decision as Decision,
    KnownVideo as KnownVideo,
    PoolState as PoolState,
    State as State,
)
from tv2sim.strategies.expectations import Lead as Lead
from tv2sim.strategies.strategy import Strategy as Strategy
from tv2sim.theory.verification import Verification as Verification, verify as verify

__all__: list[str]
__version__: str

def _rooms() -> dict[str, str]: ...
