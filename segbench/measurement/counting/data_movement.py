"""Operators that move, view or fill data and compute nothing: their count is 0 by this rule.

Max unpooling and its backward pass (a scatter and a gather), nearest upsampling, concatenation,
crops, padding, selection by a mask and the drawing of random numbers are among them.
"""

from __future__ import annotations

# Another way to look at the same memory.
_VIEWS = """
    alias detach view _unsafe_view reshape _reshape_alias view_as reshape_as flatten unflatten
    squeeze unsqueeze permute transpose t numpy_T expand expand_as slice select narrow unbind
    split split_with_sizes chunk tensor_split unsafe_split unsafe_chunk unfold as_strided movedim
    swapaxes diagonal lift_fresh lift_fresh_copy view_as_real view_as_complex real imag conj _conj
    resolve_conj
"""

_COPIES = """
    cat concat stack clone copy _to_copy to type_as contiguous repeat tile roll flip pixel_shuffle
    pixel_unshuffle channel_shuffle native_channel_shuffle index index_select gather scatter
    index_put _index_put_impl masked_fill where take max_unpool2d max_unpool3d upsample_nearest2d
    _upsample_nearest_exact2d pad constant_pad_nd reflection_pad2d replication_pad2d slice_scatter
    select_scatter slice_backward select_backward
"""

# Constants and random numbers.
_FILLS = """
    empty empty_like new_empty empty_strided new_empty_strided zeros zeros_like new_zeros ones
    ones_like new_ones full full_like new_full fill zero arange scalar_tensor bernoulli
"""

# Sizes and numbers, which a trace keeps apart from tensors.
_SIZES = """
    size Int Float Bool ScalarImplicit IntImplicit FloatImplicit len tensor item
    _local_scalar_dense sym_size sym_numel sym_stride numel dim __getitem__
"""

DATA_MOVEMENT: frozenset[str] = frozenset((_VIEWS + _COPIES + _FILLS + _SIZES).split())
