"""The precision of gradients is decided in one place, from what is asked, the hardware, and a measured step."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from audit import precision as precisions
from audit.errors import ExitCode, UsageProblem
from audit.precision import choose_precision, has_bf16

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def machine(monkeypatch):
    """Imitate a machine: whether bf16 is in its hardware, and how many times faster it is."""

    def imitate(*, native: bool, speedup: float) -> None:
        monkeypatch.setattr(precisions, "has_bf16", lambda _device: native)
        monkeypatch.setattr(precisions, "bf16_speedup", lambda _kind: speedup)

    return imitate


@pytest.mark.parametrize(
    ("native", "speedup", "chosen"), [(True, 2.0, "bf16"), (True, 0.9, "fp32"), (False, 2.0, "fp32")]
)
def test_auto_takes_bf16_only_where_it_is_in_the_hardware_and_faster(machine, native, speedup, chosen):
    machine(native=native, speedup=speedup)
    found = choose_precision("auto", CPU)
    assert found.precision == chosen
    assert found.reason
    assert not found.warning


@pytest.mark.parametrize("asked", ["fp32", "bf16"])
@pytest.mark.parametrize("native", [True, False])
def test_what_is_asked_for_is_taken_on_any_machine(machine, asked, native):
    machine(native=native, speedup=0.125)
    assert choose_precision(asked, CPU).precision == asked


def test_who_asks_for_emulated_bf16_hears_what_it_costs(machine):
    machine(native=False, speedup=0.125)
    assert "8 times as long" in choose_precision("bf16", CPU).warning
    assert "--precision auto" in choose_precision("bf16", CPU).warning


def test_other_jobs_on_the_machine_do_not_decide_what_is_faster(monkeypatch):
    def stopped() -> float:
        raise AssertionError("the clock on the wall counts what others do")

    monkeypatch.setattr(precisions.time, "perf_counter", stopped)
    assert 0 < precisions.bf16_speedup.__wrapped__("cpu") < float("inf")


def test_a_precision_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(UsageProblem, match="fp16") as caught:
        choose_precision("fp16", CPU)
    assert caught.value.exit_code is ExitCode.USAGE
    assert all(name in caught.value.remedy for name in ("--precision", "auto", "fp32", "bf16"))


@pytest.mark.parametrize(
    ("level", "flags", "native"),
    [
        ("AVX512", {"avx512_bf16": True}, True),
        ("AVX512", {"amx_bf16": True}, True),
        ("AVX512", {"avx512_f": True, "avx512_bf16": False}, False),
        ("AVX2", {"avx512_bf16": True}, False),
        ("DEFAULT", {"bf16": True, "neon": True}, True),
        ("DEFAULT", {"neon": True}, False),
    ],
)
def test_the_hardware_has_bf16_where_an_instruction_multiplies_it_and_torch_may_use_it(
    monkeypatch, level, flags, native
):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: level)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags)
    assert has_bf16(CPU) is native


def test_a_device_of_another_kind_has_none():
    assert not has_bf16(torch.device("meta"))


def test_under_the_imitation_of_an_older_cpu_auto_is_fp32():
    program = (
        "import torch; from audit.precision import choose_precision; "
        "print(choose_precision('auto', torch.device('cpu')).precision)"
    )
    older = {**os.environ, "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=older, cwd=ROOT, timeout=120
    )
    assert done.stdout.strip() == "fp32"


def test_nothing_else_asks_what_the_hardware_multiplies():
    asking = {"is_bf16_supported", "get_capabilities", "get_cpu_capability", "_is_mkldnn_bf16_supported"}
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "audit").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in asking
    }
    assert found == {"audit/precision.py"}
