"""Normalisation of images: mean and deviation of ImageNet's training images, of values in 0..1.

The networks of the zoo are trained with it (torchvision's reference scripts).
"""

from __future__ import annotations

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
