"""A report in which every kind of field stands: figures, missing ones, courses, budgets, a model left out."""

from edgelstm.devices.machine.conditions import Conditions
from edgelstm.devices.machine.detect import Board, Cache, Cores
from edgelstm.devices.machine.usage import Memory, Moment, Usage
from edgelstm.devices.profiling.histogram import Distribution, Spread
from edgelstm.devices.profiling.measure import Interval, Latency, Pacing, Phase
from edgelstm.devices.profiling.report import ModelFacts, Report, Run, Skipped, Stage, Verdict
from edgelstm.records import Unavailable

NOT_HERE = Unavailable("no such file")
SPREAD = Spread(1000, 10.5, 2.5, 10.0, 11.0, 12.25, 13.0, 99.0)
NOW = Conditions({"cpu0": 1800.0}, "ondemand", {"cpu-thermal": 48.5}, ("throttled",), {"ina219": 2.5}, 0.5)
MEMORY, USAGE = Memory(1 << 20, NOT_HERE, 1 << 21), Usage(900, 1, 2)
PHASE = Phase(
    seconds=0.5,
    spread=SPREAD,
    distribution=Distribution((9.0, 98.0), (10.5, 99.5), (999, 1)),
    intervals=(Interval(0.5, SPREAD, 1, Moment(MEMORY, USAGE, NOW)),),
    pacing=Pacing(50.0, 2, 1, SPREAD),
)
REPORT = Report(
    "2026-11-22T10:00:00+00:00",
    Board(
        name="Raspberry Pi 4",
        known_by="device tree",
        compatible=("raspberrypi,4-model-b",),
        architecture="aarch64",
        kernel_machine="aarch64",
        system=NOT_HERE,
        kernel="Linux 6.1",
        python="3.11.2",
        cores=(Cores("Cortex-A72", 4, 1800.0), Cores(NOT_HERE, 1, NOT_HERE)),
        usable_cores=4,
        memory=4 << 30,
        caches=(Cache("L1d", 32768),),
        instruction_sets=("neon",),
        virtual=NOT_HERE,
        emulated=False,
    ),
    (
        Run(
            model=ModelFacts("m.elstm", 9, "ab", "edgelstm 0.1", "int8", "scalar", 6, 7, 50.0, 768, NOT_HERE),
            input="synthetic",
            core=1,
            open_ms=1.5,
            stream_us=80.0,
            latency=Latency(90.0, SPREAD, PHASE, PHASE, NOT_HERE, 0.1),
            stages=(Stage("start", MEMORY, USAGE),),
            growth=-4096,
            before=NOW,
            after=Conditions(NOT_HERE, NOT_HERE, NOT_HERE, (), NOT_HERE, NOT_HERE),
            budget=(
                Verdict("rss", "B", 4096.0, NOT_HERE, "the model"),
                Verdict("jitter", "µs", 9.0, 2.5, "the model"),
            ),
        ),
    ),
    (Skipped("m.onnx", "m.onnx: needs onnxruntime"),),
)
