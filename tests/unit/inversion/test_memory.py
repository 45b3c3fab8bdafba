"""What is said when memory runs out, and what the C library is asked."""

from __future__ import annotations

import ctypes
import platform

import pytest
import torch

from audit.inversion.memory import keep_freed_pages, ran_out_of_memory


def test_torch_says_that_memory_ran_out_in_the_words_that_we_look_for():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**55, dtype=torch.uint8)
    assert ran_out_of_memory(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        MemoryError(),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
    ],
    ids=repr,
)
def test_what_says_that_memory_ran_out_is_known(error):
    assert ran_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("unsupported memory format option Preserve"),
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        ValueError("DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=repr,
)
def test_what_only_speaks_of_memory_is_another_matter(error):
    assert not ran_out_of_memory(error)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the setting")
def test_glibc_takes_the_setting():
    assert keep_freed_pages()


@pytest.mark.parametrize("library", [None, OSError("no such library"), TypeError("a name is needed")], ids=repr)
def test_a_c_library_without_the_setting_is_left_alone(monkeypatch, library):
    def load(_name: object) -> object:
        if library is None:
            return object()
        raise library

    monkeypatch.setattr(ctypes, "CDLL", load)
    assert keep_freed_pages.__wrapped__() is False
