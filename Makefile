# Needs Python 3.11 or newer, make, and a package registry that pip already knows how to reach. Nothing else is
# fetched, nothing outside this folder is touched.
#
#   make audit             audit the checkpoint phantom:skewed, from prompts to report
#   make test              everything that must hold before a commit; WORKERS=0 in one process
#   make PYTHON=python3.12 ...   choose the interpreter that .venv is made with

.DEFAULT_GOAL := help
.SUFFIXES:

VENV := .venv
BIN := $(VENV)/bin
RUN := runs/skewed-quick
EXAMPLE := reports/example
WORKERS ?= logical
BOTH := -m both_precisions tests/truth tests/unit/phantom

.PHONY: audit test other-precision lint truth photo questions calibrate validate bench scan mlflow s3 release soak kills example clean help

audit: $(VENV)/.installed ## audit phantom:skewed (made on first use: .venv); again, it continues or reports anew
	$(BIN)/clip-audit run phantom:skewed --effort quick --out $(RUN)

PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder --durations=10

test: lint ## lint, then all tests: a worker for each core, four at most (WORKERS=0: in one process)
	$(PYTEST)

# Where the hardware multiplies bf16 an older CPU is imitated; elsewhere bf16 is, by rounding (tests/bf16.py).
other-precision: $(VENV)/.installed-dev ## a chosen part of the tests in the precision that this CPU does not choose
	@if $(BIN)/python -c 'import torch; from audit.precision import has_bf16; raise SystemExit(not has_bf16(torch.device("cpu")))'; \
	then echo "Tests as on an older CPU, in fp32."; ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 $(PYTEST) $(BOTH); \
	else echo "Tests in bf16, which this CPU lacks."; $(PYTEST) $(BOTH) --precision bf16; fi


lint: $(VENV)/.installed-dev ## formatting, style, types, and which chapter may import which
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

truth: $(VENV)/.installed-dev ## measure against what was planted in the phantoms (a table in docs/accuracy.md), simulate intervals and gates
	$(BIN)/python -m tests.oracles.coverage_table
	$(BIN)/python tests/truth/table.py --effort standard
	$(BIN)/python tests/truth/simulated_gates.py

PHOTO = $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/clip-audit/phantoms/photo/open_clip_config.json

photo: $(VENV)/.installed-dev ## the same on photographs (the tables in docs/photographs.md): more than an hour; it goes on where it stopped
	[ -f "$(PHOTO)" ] || $(BIN)/clip-audit phantom train photo
	$(BIN)/python tests/truth/photographs.py make planted
	$(BIN)/python tests/truth/photographs.py make classes
	$(BIN)/python tests/truth/photographs.py make classes --recipe fast
	$(BIN)/python tests/truth/photographs.py make scales --recipe fast
	$(BIN)/python tests/truth/photographs.py table
	$(BIN)/python tests/truth/photographs.py table --recipe fast

questions: $(VENV)/.installed-dev ## every lens against what is planted for it (SCALE=--scale: and four phantoms trained for it)
	$(BIN)/python tests/truth/questions.py $(SCALE)

calibrate: $(VENV)/.installed-dev ## how well audits find what is planted, over many phantoms: hours; a table in docs/accuracy.md
	$(BIN)/python tests/truth/calibration.py --worlds 8 --balanced 4 --take skewed

validate: $(VENV)/.installed-dev ## the independent study: phantoms that no setting was chosen on; hours; it goes on where it stopped
	$(BIN)/python tests/truth/validation.py

bench: $(VENV)/.installed-dev ## our inversions against the published loop: hours at first; it goes on where it stopped
	$(BIN)/python -m tests.benchmarks.bench

scan: $(VENV)/.installed-dev $(VENV)/scan/.made ## licences held to a list, and known vulnerabilities (needs a network; exit 3 where nobody answers)
	$(BIN)/python -m tests.quality.supply_chain scan

mlflow: $(VENV)/.installed-dev $(VENV)/mlflow/.made ## export and watch held against a real MLflow server, in an environment of its own (0.9 GB)
	$(BIN)/python -m pytest tests/cli/test_cli_export.py tests/cli/test_cli_watch.py

s3: $(VENV)/.installed-dev $(VENV)/s3/.made ## runs in a bucket, held against a server of S3 (moto), in an environment of its own (0.4 GB)
	$(BIN)/python -m pytest tests/cli/test_runs_in_s3.py

release: $(VENV)/.installed-dev $(VENV)/scan/.made ## the wheel in dist/, and beside it its bill of materials (CycloneDX)
	rm -rf build dist
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	rm -rf build
	$(BIN)/python -m tests.quality.supply_chain bill dist

soak: $(VENV)/.installed-dev ## 200 rounds of report, gate, verify and label in one process, and 200 processes: memory, handles, leftovers
	$(BIN)/python -m tests.benchmarks.soak

kills: $(VENV)/.installed-dev ## 100 SIGKILLs at random points of eight commands, each given again and compared with undisturbed
	CLIP_AUDIT_KILLS=100 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q tests/unit/pipeline/test_random_kills.py

example: audit ## renew the example report in reports/example, and the picture of the README
	mkdir -p $(EXAMPLE)
	cp $(RUN)/report.html $(RUN)/report.pdf $(EXAMPLE)/
	$(BIN)/python tests/truth/picture.py $(RUN) docs/planted_and_measured.png

clean: ## remove .venv, caches and builds; what was measured stays in runs/
	rm -rf $(VENV) build dist *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find audit tests -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name says; do \
	  printf '  make %-16s  %s\n' "$$name" "$$says"; done

# --- how .venv comes about ---------------------------------------------------------------------------------------

# pip names every large download and the phase that takes long; its errors and warnings come through as they are.
define install
	@echo "Installing clip-audit$(1) into $(VENV) (at first some gigabytes, with torch; a few minutes)."
	@{ $(BIN)/python -m pip install --no-input --progress-bar off -c constraints.txt -e ".$(1)" || echo "pip failed"; } | { \
	  failed=0; while IFS= read -r line; do case "$$line" in \
	    "pip failed") failed=1 ;; \
	    *"Downloading "*"("[0-9][0-9]*" MB)"*|*"Downloading "*" GB)"*) printf '  %s\n' "$${line#"$${line%%[! ]*}"}" ;; \
	    "Installing collected packages"*) echo "  Unpacking; this is silent for a minute or two." ;; \
	  esac; done; exit $$failed; }
endef

$(VENV)/.installed: pyproject.toml constraints.txt audit/__init__.py | $(VENV)/.made
	$(call install,)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt audit/__init__.py | $(VENV)/.made
	$(call install,[dev])
	@touch $(VENV)/.installed $@

# What looks at the packages stands apart, so that what is looked at stays as users get it.
$(VENV)/scan/.made: constraints.txt | $(VENV)/.made
	$(BIN)/python -m venv $(VENV)/scan
	$(VENV)/scan/bin/python -m pip install --no-input --quiet -c constraints.txt cyclonedx-bom pip-audit pip-licenses
	@touch $@

# A server of MLflow takes older pyarrow and python-dateutil than constraints.txt names.
$(VENV)/mlflow/.made: | $(VENV)/.made
	$(BIN)/python -m venv $(VENV)/mlflow
	$(VENV)/mlflow/bin/python -m pip install --no-input --quiet mlflow==3.17.2
	@touch $@

# Server and client need different versions of botocore, and the client another python-dateutil than ours.
$(VENV)/s3/.made: | $(VENV)/.made
	$(BIN)/python -m venv $(VENV)/s3
	$(VENV)/s3/bin/python -m pip install --no-input --quiet 'moto[server]==5.2.5'
	$(BIN)/python -m pip install --no-input --quiet --target $(VENV)/s3/client s3fs==2026.9.0
	@touch $@

$(VENV)/.made:
	@if $(BIN)/python -c 'import pip, sys; sys.exit(sys.prefix == sys.base_prefix)' >/dev/null 2>&1; then \
	  touch $@; exit; \
	fi; \
	for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python); do \
	  if "$$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    echo "Making $(VENV) with $$("$$python" --version)."; \
	    "$$python" -m venv --clear $(VENV) && touch $@; exit; \
	  fi; \
	done; \
	echo "clip-audit needs Python 3.11 or newer with its venv module (Debian and Ubuntu: python3-venv), and found none;" \
	  "install one, or name it, as in: make audit PYTHON=/path/to/python3.12" >&2; exit 1
