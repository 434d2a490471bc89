"""The decoder's last layer against PyTorch's own."""

import pytest
import torch

from cae.network.last_layer import ConvTranspose2d


def both(channels: int, height: int, width: int):
    generator = torch.Generator().manual_seed(0)
    layer = ConvTranspose2d(channels).double()
    signal = torch.randn(3, channels, height, width, generator=generator, dtype=torch.float64, requires_grad=True)
    theirs = torch.nn.functional.conv_transpose2d(
        signal, layer.weight, layer.bias, stride=2, padding=1, output_padding=1
    )
    return layer, signal, layer(signal), theirs


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 1, 1), (4, 7, 7), (16, 14, 14), (3, 5, 2)])
def test_it_gives_what_the_library_gives_whatever_the_layout_in_memory(channels, height, width):
    layer, signal, mine, theirs = both(channels, height, width)
    assert mine.shape == theirs.shape == (3, 1, 2 * height, 2 * width)
    assert torch.allclose(mine, theirs, atol=1e-12)
    assert torch.equal(layer(signal.contiguous(memory_format=torch.channels_last)), mine)


def test_its_gradients_are_those_of_the_library_and_of_finite_differences():
    layer, signal, mine, theirs = both(4, 7, 5)
    direction = torch.randn(mine.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    inputs = [signal, layer.weight, layer.bias]
    for one, other in zip(
        torch.autograd.grad(mine, inputs, direction), torch.autograd.grad(theirs, inputs, direction), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-11)
    layer, signal, _, _ = both(2, 3, 3)
    assert torch.autograd.gradcheck(layer, (signal,))
