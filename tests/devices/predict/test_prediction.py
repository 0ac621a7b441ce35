"""What a prediction counts is what emulated processors execute; what it adds up follows the board's description."""

import importlib.util
import json
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from counts import FULL, some
from edgelstm.cli import main
from edgelstm.devices import Unavailable
from edgelstm.devices.boards.profile import board, boards
from edgelstm.devices.predict.costs import costs
from edgelstm.devices.predict.prediction import Estimate, predict
from edgelstm.devices.predict.work import work
from edgelstm.export.elstm import encode
from edgelstm.model import Answer
from edgelstm.quantization import quantize
from edgelstm.runtime import Model
from edgelstm.runtime.answering import Answering, Asked
from layer_lists import LISTS, layer_list
from mixed_models import shaped
from random_models import random_model

PROJECT = Path(__file__).resolve().parents[3]
STEPS = 3
# Not optimized, the vectors' multiplications are the same, and building them takes 7 seconds of 18.
BUILD = "Release" if FULL else "Debug"
# Features, units, outputs: whole groups of units, and none; several layers of each cost most to emulate.
SHAPES = some([(40, (64,), (12,)), (7, (13,), (3,)), (65, (17, 129), (8, 2)), (1, (16, 8, 24), (5,))], 2)


def load(name):
    path = PROJECT / "benchmarks" / "arm" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def emulation():
    module = load("emulation")
    if lacking := module.missing():
        pytest.skip(lacking)
    return module


@pytest.fixture(scope="module")
def count(emulation, tmp_path_factory):
    """Counts of a file's steps on a core with a kernel set; programs are built once for all that they count."""
    folder = tmp_path_factory.getbasetemp() / "counted"
    plugin = emulation.build_plugin(folder)
    program = cache(lambda toolchain, core: emulation.build_from_c(folder, core, BUILD))

    def call(core, kernel, path, steps):
        (found,), chosen = emulation.count(
            plugin, core, program(emulation.CORES[core].toolchain, core), path, str(steps), kernel=kernel
        )
        assert chosen.strip() == kernel
        return found

    return call


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """int8 and float32 files of odd shapes and of even ones."""
    folder, found = tmp_path_factory.mktemp("models"), []
    for number, shape in enumerate(SHAPES):
        model = random_model(*shape, activation="linear")
        for precision, content in (("int8", encode(quantize(model))), ("float32", encode(model))):
            found.append(folder / f"{precision}-{number}.elstm")
            found[-1].write_bytes(content)
    return found


@pytest.mark.parametrize(
    ("core", "kernel"),
    some([("cortex-a53", "neon"), ("cortex-a76", "dotprod"), ("cortex-a7", "neon"), ("arm1176", "scalar")]),
)
def test_counts_the_multiply_accumulates_that_are_executed(count, files, core, kernel):
    gates = None
    for path in files:
        expected, precision = work(path), path.name.partition("-")[0]
        executed = count(core, kernel, path, STEPS)[f"{precision}_macs"] / STEPS
        if precision == "float32":
            gates = in_gates(executed, expected) if gates is None else gates
            executed -= gates * lstm_units(expected)
            assert 0 <= gates < 60
        assert executed == pytest.approx(expected.macs, rel=0.02), path.name


def lstm_units(of):
    """Those that work in a frame, on average."""
    return sum(layer.units / layer.stride for layer in of.layers if layer.kind == "lstm")


def in_gates(executed, expected):
    """How often an LSTM's gates in float32 have the instruction as well, for each unit."""
    return (executed - expected.macs) / lstm_units(expected)


@pytest.mark.parametrize("name", ["gru", "stacked frames", "strides around", "convolution behind"])
@pytest.mark.parametrize(("core", "kernel"), some([("cortex-a76", "dotprod"), ("cortex-a53", "neon")]))
def test_counts_those_of_every_kind_of_layer(count, files, tmp_path, core, kernel, name):
    """On average over twelve frames, of which the layers behind contexts run at some."""
    plain = next(path for path in files if path.name.startswith("float32"))
    gates = in_gates(count(core, kernel, plain, STEPS)["float32_macs"] / STEPS, work(plain))
    model = layer_list(name, 24, features=40, activation="linear")
    for precision, content in (("int8", encode(quantize(model))), ("float32", encode(model))):
        path = tmp_path / f"{precision}.elstm"
        path.write_bytes(content)
        expected = sum(layer.macs / layer.stride for layer in work(path).layers)
        executed = count(core, kernel, path, 12)[f"{precision}_macs"] / 12
        executed -= gates * lstm_units(work(path)) * (precision == "float32")
        assert executed == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(("core", "kernel"), some([("cortex-a76", "dotprod"), ("cortex-a53", "neon")]))
def test_counts_both_products_of_an_input_of_16_bits(count, tmp_path, core, kernel):
    """W meets its high bytes and its low ones; R, and all other layers, what they do with 8 bits."""
    model, path = random_model(65, (17, 12), (8, 2), activation="linear"), tmp_path / "wide.elstm"
    path.write_bytes(encode(quantize(model, input_codes="int16")))
    executed = count(core, kernel, path, STEPS)["int8_macs"] / STEPS
    assert executed == pytest.approx(work(path).macs, rel=0.02)


def test_counts_what_the_core_counts_where_nothing_is_padded(files):
    for path in files[:2]:  # 40 features and 64 units; 16 rows for the head's
        found, core = work(path), Model(path)
        lstm, dense = found.layers
        assert lstm.macs == 4 * 64 * (40 + 64)
        assert core.frame_macs == lstm.macs + 64 * dense.outputs
        assert dense.macs == 64 * 16
        assert 0.9 * path.stat().st_size < sum(layer.bytes for layer in found.layers) + 5000
        assert sum(layer.bytes for layer in found.layers) < path.stat().st_size


def test_knows_the_cycles_of_every_board(files):
    for one in boards():
        for path in files[:2]:
            found = predict(path, one)
            assert [estimate.core for estimate in found.estimates] == [kind.name for kind in one.cores]


def test_adds_up_operations_cycles_and_bytes(files):
    path, zero = files[0], board("pi-zero-2w")
    (estimate,) = predict(path, zero).estimates
    cost = costs().find("Cortex-A53", "aarch64", "neon", "int8")
    found = work(path)
    lstm, dense = found.layers
    cycles = cost.macs["lstm"] * lstm.macs + cost.macs["dense"] * dense.macs
    cycles += cost.units["lstm"] * 64 + cost.values["dense"] * 12 + cost.feature * 40 + cost.step
    assert estimate.frame_us == pytest.approx(cycles / 1000)
    assert estimate.mean_us == pytest.approx(cycles / 1000)
    assert estimate.memory_us == 0

    (core,) = zero.cores
    (slow,) = predict(path, replace(zero, cores=(replace(core, max_mhz=250.0),))).estimates
    assert slow.frame_us == pytest.approx(4 * estimate.frame_us)

    small = tuple(replace(cache, kib=16) for cache in core.caches)  # the model's 35 KiB do not fit
    (missed,) = predict(path, replace(zero, cores=(replace(core, caches=small),))).estimates
    assert missed.memory_us == pytest.approx(found.bytes / 2114)
    assert missed.frame_us == pytest.approx(estimate.frame_us + missed.memory_us)


def test_a_mean_costs_its_additions_and_reads_no_more_of_its_ring(tmp_path):
    found = {}
    for window, hop in ((0, 1), (200, 50), (200, 1), (100_000, 1)):
        path = tmp_path / f"{window}-{hop}.elstm"
        path.write_bytes(encode(random_model(6, (16,), (7,), answer=Answer("mean", window, hop))))
        (estimate,) = predict(path, board("pi-zero-2w")).estimates
        found[window, hop] = work(path), estimate
    plain, plain_estimate = found[0, 1]
    for (window, hop), (counted, estimate) in found.items():
        added = counted.additions - plain.additions
        assert estimate.frame_us - plain_estimate.frame_us == pytest.approx(4 * added / 1000)
        assert (
            estimate.frame_us > estimate.mean_us if hop > 1 else estimate.frame_us == pytest.approx(estimate.mean_us)
        )
        assert counted.state_bytes < 4 * plain.stream_bytes + 8 * counted.additions
        assert any("mean of scores" in note for note in estimate.assumptions) == (window > 0)
    assert found[200, 50][0].additions == 7 * (1 + 4)
    assert found[100_000, 1][0].stream_bytes > 100_000 * 7 * 8


def test_answers_may_be_others_than_the_files_own(tmp_path):
    paths = {}
    for answer in (Answer("last", 0, 1), Answer("mean", 200, 50)):
        paths[answer] = tmp_path / f"{answer.pooling}.elstm"
        paths[answer].write_bytes(encode(random_model(6, (16,), (7,), answer=answer)))
    last, mean = paths.values()
    asked = work(last, Asked("mean", 200, 50))
    own = work(mean)
    assert replace(own, file="last.elstm") == replace(asked, layers=own.layers)
    assert asked.stream_bytes == Model(last).stream_size(Answering("mean", 200, 50))
    with pytest.raises(ValueError, match=r"last\.elstm: window: 10, expected a multiple of hop \(3\)$"):
        work(last, Asked("mean", 10, 3))


@pytest.mark.parametrize("name", LISTS)
def test_every_list_of_layers_is_estimated(tmp_path, name):
    path = tmp_path / "model.elstm"
    path.write_bytes(encode(quantize(layer_list(name))))
    found = work(path)
    (estimate,) = predict(path, board("pi-zero-2w")).estimates
    assert len(estimate.assumptions) == 3
    if found.stride == 1:
        assert estimate.mean_us == pytest.approx(estimate.frame_us)
    else:
        assert estimate.frame_us / found.stride < estimate.mean_us < estimate.frame_us
    assert sum(layer.bytes for layer in found.layers) < path.stat().st_size


def test_a_kind_whose_cycles_are_not_known_is_called_rough(tmp_path, monkeypatch):
    path = tmp_path / "model.elstm"
    path.write_bytes(encode(quantize(layer_list("causal convolution"))))
    known = costs()
    bare = [
        replace(one, macs={"lstm": 1.0, "dense": 2.0}, units={"lstm": one.units["lstm"]}, values={"dense": 1.0})
        for one in known.costs
    ]
    monkeypatch.setattr("edgelstm.devices.predict.prediction.costs", lambda: replace(known, costs=tuple(bare)))
    (estimate,) = predict(path, board("pi-zero-2w")).estimates
    assert [note for note in estimate.assumptions if "rough" in note] == [
        f"{kind}: rough, counted as the dearest kind that is known" for kind in ("context", "conv", "gru")
    ]
    macs = {layer.kind: layer.macs for layer in work(path).layers}
    cycles = 2 * (macs["conv"] + macs["gru"] + macs["dense"]) + macs["lstm"]
    assert estimate.products_us == pytest.approx(cycles / 1000)


@pytest.mark.parametrize(("name", "precision"), [("detector int16", "int16"), ("denoiser kept", "float32")])
def test_layers_of_mixed_files_cost_what_their_weights_do(tmp_path, capfd, name, precision):
    """Of 16 bits they have float32's cycles, and the estimate says so."""
    model, path = shaped(name), tmp_path / "mixed.elstm"
    path.write_bytes(encode(quantize(model)))
    names = model.ranges.int16 if precision == "int16" else model.ranges.kept
    found = work(path)
    assert {layer.name for layer in found.layers if layer.precision == precision} == set(names)
    (estimate,) = predict(path, board("pi-zero-2w")).estimates
    cycles = {one: costs().find("Cortex-A53", "aarch64", "neon", one) for one in ("int8", "float32")}
    products = sum(
        layer.macs * cycles["int8" if layer.precision == "int8" else "float32"].mac(layer.kind)
        for layer in found.layers
        if layer.macs
    )
    assert estimate.products_us == pytest.approx(products / 1000)
    said = f"weights of 16 bits ({', '.join(names)}): cycles of float32, whose products take longer"
    assert (said in estimate.assumptions) == (precision == "int16")
    code, out, err = run(capfd, "profile", path, "--predict", "pi-zero-2w")
    assert (code, err) == (0, "")
    assert f", {precision} " in out


def test_a_stand_in_says_so(files):
    (a76, _) = predict(files[0], board("orange-pi-5")).estimates
    assert "neoverse-n1, which stands in for Cortex-A76" in a76.assumptions[0]
    (arm,) = predict(files[0], board("pi-zero-w")).estimates
    assert "at least" in arm.assumptions[0]


def test_without_cycles_there_is_no_estimate(files):
    zero = board("pi-zero-2w")
    other = replace(zero, cores=(replace(zero.cores[0], name="Cortex-X1"),))
    with pytest.raises(ValueError, match=r"pi-zero-2w: no cycles at hand of the neon kernels \(int8\) on Cortex-X1"):
        predict(files[0], other)
    both = replace(zero, cores=(*zero.cores, *other.cores))
    known, unknown = predict(files[0], both).estimates
    assert isinstance(known, Estimate)
    assert isinstance(unknown, Unavailable)


def test_measures_this_machine_beside(files):
    here = predict(files[0], board("pi-5")).here
    assert here.measured_us > 0
    assert isinstance(here.estimate, Unavailable) or here.estimate.kernel == Model(files[0]).kernel


def run(capfd, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    return ended.value.code, *capfd.readouterr()


def test_prints_an_estimate_called_so(files, capfd, tmp_path):
    code, out, err = run(capfd, "profile", files[0], "--predict", "pi-zero-2w")
    assert (code, err) == (0, "")
    assert "int8-0.elstm on Raspberry Pi Zero 2 W: an estimate, nothing ran there" in out
    assert "measured on this machine" in out
    assert "LLVM's model of cortex-a53" in out

    code, out, _ = run(capfd, "profile", *files[:2], "--predict", "pi-5", "--json", "--output", tmp_path / "p.json")
    assert code == 0
    found = json.loads(out)
    assert found == json.loads((tmp_path / "p.json").read_text())
    assert [one["kind"] for one in found] == ["prediction", "prediction"]
    assert found[0]["estimates"][0]["kernel"] == "dotprod"


def test_refuses_what_it_cannot_predict(files, capfd, tmp_path):
    code, _, err = run(capfd, "profile", files[0], "--predict", "pi-zero-2")
    assert code == 2
    assert "unknown board 'pi-zero-2', perhaps 'pi-zero-2w'" in err
    code, _, err = run(capfd, "profile", files[0], "--predict", "pi-5", "--board", "host")
    assert code == 2
    assert "--board" in err
    other = tmp_path / "model.onnx"
    other.write_bytes(b"x")
    code, _, err = run(capfd, "profile", other, "--predict", "pi-5")
    assert code == 1
    assert "needs an .elstm file" in err
    code, _, err = run(capfd, "profile", tmp_path / "none.elstm", "--predict", "pi-5")
    assert code == 2
