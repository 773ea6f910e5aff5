"""What a loop over single tokens is too slow for: sixteen at a time, and the lowest bit of a word."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

inner = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""For functions that only compiled ones call: without the doors to Python, which take longer to compile than
what is behind them."""

inlined = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)
"""The same, for short ones in the innermost loops."""

merged = njit(inline="always")
"""For functions with one caller: they become part of it before anything is compiled, once and not on their own too."""

WIDTH = 16
"""Tokens copied at once: arrays that are copied from or into must have so many places to spare, and twice as many
where short stretches are copied."""

LINE = 32
"""Tokens of two bytes that the processor fetches at once."""


@intrinsic
def copy_some(typing: Any, dst: Any, at: Any, src: Any, start: Any) -> Any:
    """Copy WIDTH places from src[start] to dst[at], which may be of a wider type."""
    signature = types.void(dst, types.int64, src, types.int64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        dst_type, _, src_type, _ = signature.args
        to = context.make_array(dst_type)(context, builder, args[0])
        source = context.make_array(src_type)(context, builder, args[2])
        wide, narrow = (ir.VectorType(context.get_data_type(t.dtype), WIDTH) for t in (dst_type, src_type))
        load = builder.load(_address(builder, source.data, args[3], narrow), align=1)
        if wide != narrow:
            extend = builder.sext if src_type.dtype.signed else builder.zext
            load = extend(load, wide) if wide.element.width > narrow.element.width else builder.trunc(load, wide)
        builder.store(load, _address(builder, to.data, args[1], wide), align=1)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def fill_some(typing: Any, dst: Any, at: Any, value: Any) -> Any:
    """Write a value to WIDTH places from dst[at]."""
    signature = types.void(dst, types.int64, dst.dtype)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        to = context.make_array(signature.args[0])(context, builder, args[0])
        vector = ir.VectorType(context.get_data_type(signature.args[0].dtype), WIDTH)
        builder.store(_splat(builder, args[2], vector), _address(builder, to.data, args[1], vector), align=1)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def find_special(typing: Any, src: Any, start: Any, first: Any, num_text: Any) -> Any:
    """A bit for each of the WIDTH places from src[start], set where the id is none of first .. first + num_text - 1."""
    signature = types.int64(src, types.int64, types.int64, types.int64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source = context.make_array(signature.args[0])(context, builder, args[0])
        element = context.get_data_type(signature.args[0].dtype)
        vector = ir.VectorType(element, WIDTH)
        ids = builder.load(_address(builder, source.data, args[1], vector), align=1)
        # In the width of the ids, so that one instruction does many: what lies below `first` wraps round.
        low, count = (
            _splat(builder, builder.trunc(arg, element) if element.width < 64 else arg, vector) for arg in args[2:]
        )
        is_special = builder.icmp_unsigned(">=", builder.sub(ids, low), count)
        return builder.zext(builder.bitcast(is_special, ir.IntType(WIDTH)), ir.IntType(64))

    return signature, generate


@intrinsic
def find_flag(typing: Any, flags: Any, start: Any, flag: Any) -> Any:
    """A bit for each of the WIDTH places from flags[start], set where this flag is."""
    signature = types.int64(flags, types.int64, types.uint8)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source = context.make_array(signature.args[0])(context, builder, args[0])
        vector = ir.VectorType(ir.IntType(8), WIDTH)
        found = builder.and_(
            builder.load(_address(builder, source.data, args[1], vector), align=1), _splat(builder, args[2], vector)
        )
        is_set = builder.icmp_unsigned("!=", found, ir.Constant(vector, [0] * WIDTH))
        return builder.zext(builder.bitcast(is_set, ir.IntType(WIDTH)), ir.IntType(64))

    return signature, generate


def _splat(builder: Any, value: Any, vector: Any) -> Any:
    filled = ir.Constant(vector, ir.Undefined)
    for lane in range(WIDTH):
        filled = builder.insert_element(filled, value, ir.Constant(ir.IntType(32), lane))
    return filled


def _address(builder: Any, data: Any, index: Any, vector: Any) -> Any:
    return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())


@intrinsic
def fetch_ahead(typing: Any, src: Any, start: Any) -> Any:
    """Ask for the memory around src[start], which will be read soon; nothing happens if it is not there."""
    signature = types.void(src, types.int64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source = context.make_array(signature.args[0])(context, builder, args[0])
        pointer = builder.bitcast(builder.gep(source.data, [args[1]]), ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, *[ir.IntType(32)] * 3])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        read, keep_long, data = (ir.Constant(ir.IntType(32), value) for value in (0, 3, 1))
        builder.call(prefetch, [pointer, read, keep_long, data])
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def lowest_bit(typing: Any, word: Any) -> Any:
    """The number of zeros below the lowest one of a word; 64 for 0."""
    signature = types.int64(types.uint64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], cgutils.false_bit)

    return signature, generate


@intrinsic
def num_bits(typing: Any, word: Any) -> Any:
    """The number of ones in a word."""
    signature = types.int64(types.uint64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return signature, generate
