"""Kernels and bytes of a training step, counted from a program's HLO."""

import pytest

from experiments.benchmarks.hlo_count import kernels_of_step, stored

PROGRAM = """\
HloModule jit_epoch

%fused_computation (p.0: f32[8,64], p.1: s32[]) -> f32[2,64] {
  %p.0 = f32[8,64]{1,0} parameter(0)
  %p.1 = s32[] parameter(1)
  %zero = s32[] constant(0)
  ROOT %cut = f32[2,64]{1,0} dynamic-slice(%p.0, %p.1, %zero), dynamic_slice_sizes={2,64}
}

%fused_computation.1 (p.2: f32[8,64], p.3: f32[2,64], p.4: s32[]) -> f32[8,64] {
  %p.2 = f32[8,64]{1,0} parameter(0)
  %p.3 = f32[2,64]{1,0} parameter(1)
  %p.4 = s32[] parameter(2)
  %zero.1 = s32[] constant(0)
  ROOT %put = f32[8,64]{1,0} dynamic-update-slice(%p.2, %p.3, %p.4, %zero.1)
}

%step (carry: (s32[], f32[8,64])) -> (s32[], f32[8,64]) {
  %carry = (s32[], f32[8,64]{1,0}) parameter(0)
  %i = s32[] get-tuple-element(%carry), index=0
  %x = f32[8,64]{1,0} get-tuple-element(%carry), index=1
  %part = f32[2,64]{1,0} fusion(%x, %i), kind=kLoop, calls=%fused_computation
  %turned = f32[2,64]{0,1} copy(%part), metadata={op_name="jit(epoch)/transpose"}
  %back = f32[2,64]{1,0} copy(%turned)
  %new = f32[8,64]{1,0} fusion(%x, %back, %i), kind=kLoop, calls=%fused_computation.1
  ROOT %next = (s32[], f32[8,64]{1,0}) tuple(%i, %new)
}

%more (carry.1: (s32[], f32[8,64])) -> pred[] {
  %carry.1 = (s32[], f32[8,64]{1,0}) parameter(0)
  ROOT %yes = pred[] constant(true)
}

ENTRY %main (start: (s32[], f32[8,64])) -> (s32[], f32[8,64]) {
  %start = (s32[], f32[8,64]{1,0}) parameter(0)
  ROOT %loop = (s32[], f32[8,64]{1,0}) while(%start), condition=%more, body=%step
}
"""


def test_kernels_of_a_step_and_what_they_move():
    kernels = kernels_of_step(PROGRAM)
    assert [k.kind for k in kernels] == ["fusion loop", "copy", "copy", "fusion loop"]
    assert [k.relayout for k in kernels] == [False, True, True, False]
    part, index = 2 * 64 * 4, 4
    # a slice is read, not the whole; what is written in place is neither read nor written whole
    assert [sum(a.bytes for a in k.reads) for k in kernels] == [
        part + index,
        part,
        part,
        part + index,
    ]
    assert [sum(a.bytes for a in k.writes) for k in kernels] == [part] * 4
    assert kernels[1].source == "jit(epoch)/transpose"


def test_tiles_of_a_tpu_fill_arrays_up():
    (maps,) = stored("f32[8,24,14,14,64]{4,3,2,1,0:T(8,128)S(1)}")
    assert maps.bytes == 4 * 8 * 24 * 14 * 14 * 64
    assert maps.padded == 4 * 8 * 24 * 14 * 16 * 128
    assert maps.on_chip
    turned, flat, flag = stored("(bf16[3,64,5]{0,1,2:T(8,128)(2,1)}, f32[256]{0:T(128)}, pred[])")
    assert (turned.bytes, turned.padded) == (2 * 3 * 64 * 5, 2 * 128 * 64 * 5)
    assert (flat.bytes, flat.padded, flat.on_chip) == (1024, 1024, False)
    assert (flag.bytes, flag.padded) == (1, 1)


def test_a_program_without_a_loop_has_no_step():
    with pytest.raises(ValueError, match="no training step"):
        kernels_of_step(PROGRAM[PROGRAM.index("%more") : PROGRAM.index("ENTRY")])
