"""Count the operations of a network, forward and backward, and its parameters.

``macs`` are the multiply-accumulates of convolutions (dense, grouped, depthwise, dilated,
transposed) and matrix products. Every weight that a window spans counts, on padding too. ``flops``
are ``2 * macs`` and elementary arithmetic by this table, the only one:

=================================  ==============================================================
operator                           flops
=================================  ==============================================================
bias of a convolution or product   1 per output element
batch norm, running statistics     2 per element (scale and shift, folded once a channel)
batch norm, batch statistics       6 per element (mean 1, variance 3, scale and shift 2)
layer and group norm               6 per element
attention                          5 per score (softmax), 1 per element of queries and of keys, 1
                                   per score that is masked; its products are MACs (``fused``)
bilinear form                      1 per pair of inputs and output, beside a MAC
max pooling                        comparisons: elements in the window - 1; only elements inside
                                   the input are in a window, at borders and in ceil mode too
average pooling, mean              elements in the window (additions and one division)
bilinear upsampling                7 per output element (4 multiplications, 3 additions)
ReLU                               1 per element; 2: ReLU6, hardtanh, leaky ReLU, PReLU
sigmoid, hardsigmoid               4 per element; 5: SiLU, hardswish, GELU; 9: GELU by tanh
softmax, log-softmax               5 per element
addition, product, division, ...   1 per output element; 2: an addition scaled by alpha
clamp                              1 per element and bound
sum, maximum of n values           n - 1
dropout in train mode              2 per element; in eval mode 0
data movement                      0: concatenation, crop, padding, view, copy, nearest
                                   upsampling, max unpooling, gather, fill (``data_movement``)
arithmetic of sizes                0: whole numbers and tensors without a dimension
=================================  ==============================================================

Backward:

=================================  ==============================================================
convolution                        MACs of the gradients asked for, of input and of weight: each as
                                   many as forward
bias of a convolution              the sum over n gradients is n - 1 additions, for each channel
batch norm, batch statistics       9 per element (normalise 2, gradient of weight 2, of bias 1, of
                                   input 4), 5 if the input needs none
batch norm, running statistics     gradient of input 1, of weight 4, of bias 1 per element
ReLU                               1 per element; 2: ReLU6, hardtanh, leaky ReLU, PReLU;
                                   3: sigmoid, hardsigmoid, tanh; 5: hardswish; 9: SiLU; 11: GELU;
                                   18: GELU by tanh
layer and group norm               13 per element (normalise 2, gradient of input 8, of weight 2, of
                                   bias 1), without that of the input 5
attention                          4 per score, 1 per element of queries and of keys
max pooling, nearest upsampling    1 per element of the incoming gradient
average pooling                    1 per element of the incoming gradient and 1 per element that
                                   its window covers
bilinear upsampling                8 per element of the incoming gradient
softmax, log-softmax               4 per element
concatenation, crop, padding,      0
max unpooling
=================================  ==============================================================

Complex numbers count as the real ones that torch computes with: a convolution is three real ones, a
matrix product four; a sum is 2 flops, a product 6, and no other arithmetic of theirs has a rule.

An operator without a rule is never guessed: it stands in ``uncounted`` with its number of calls.
"""

from segbench.measurement.counting.backward import count_backward
from segbench.measurement.counting.by_module import count_by_module
from segbench.measurement.counting.dispatched import count_forward_by_dispatch
from segbench.measurement.counting.operation_count import OperationCount, OperationShare
from segbench.measurement.counting.parameters import ParameterCount, count_parameters
from segbench.measurement.counting.traced import count_forward
from segbench.measurement.counting.traced_or_dispatched import (
    MethodAndCount,
    count_traced_or_dispatched,
)

__all__ = [
    "MethodAndCount",
    "OperationCount",
    "OperationShare",
    "ParameterCount",
    "count_backward",
    "count_by_module",
    "count_forward",
    "count_forward_by_dispatch",
    "count_parameters",
    "count_traced_or_dispatched",
]
