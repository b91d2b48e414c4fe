"""PyTorch: tensors by dtype, shape, device and elements; modules by class and state."""

from __future__ import annotations

import pickle

import torch

from hozon._errors import NoDigestError
from hozon._hozon import PiecedBuffer, RawBuffer
from hozon.codecs import state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from hozon.codecs import Reducer, ShapeFunction

# Copies made on the way are no larger than this.
_PIECE_BYTES = 1 << 23


def shape_for(base: type, cls: type) -> ShapeFunction | None:
    """Returns the shape function of a class of PyTorch, or of one that inherits it."""
    for known, function in _FAMILIES.items():
        if issubclass(base, known):
            return function
    return None


# Tensors -----------------------------------------------------------------------------------------


def _tensor_shape(tensor: Any) -> tuple[Any, ...]:
    if tensor.requires_grad and not tensor.is_leaf:
        raise NoDigestError("it is a step of a gradient's computation; pass tensor.detach()")
    kind = (type(tensor), str(tensor.dtype), list(tensor.shape), tensor.device.type, tensor.requires_grad)
    state = state_of(tensor, torch.Tensor) or None
    tensor = tensor.detach()
    if tensor.is_quantized:
        raise NoDigestError("a quantized tensor has no digest; pass tensor.int_repr() and its scale")
    if tensor.layout is not torch.strided:
        return ("torch.Tensor", *kind, str(tensor.layout), _sparse_parts(tensor), state)
    return ("torch.Tensor", *kind, "strided", _elements_part(tensor), state)


def _sparse_parts(tensor: Any) -> list[Any]:
    if tensor.layout is torch.sparse_coo:
        tensor = tensor.coalesce()
        return [tensor.indices(), tensor.values()]
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    return [tensor.ccol_indices(), tensor.row_indices(), tensor.values()]


def _elements_part(tensor: Any) -> Any:
    tensor = tensor.resolve_conj().resolve_neg()
    if tensor.numel() == 0:
        return RawBuffer(b"")
    if tensor.device.type == "cpu" and tensor.is_contiguous():
        return RawBuffer(_bytes_of(tensor))
    size = tensor.numel() * tensor.element_size()
    return PiecedBuffer(size, (_bytes_of(piece.cpu().contiguous()) for piece in _pieces(tensor, size)))


def _bytes_of(tensor: Any) -> Any:
    """Views the bytes of a contiguous tensor on the processor, of any dtype."""
    return tensor.reshape(-1).view(torch.uint8).numpy()


def _pieces(tensor: Any, size: int) -> Iterator[Any]:
    if size <= _PIECE_BYTES or tensor.dim() == 0:
        yield tensor
        return
    row_bytes = size // len(tensor)
    if row_bytes > _PIECE_BYTES:
        for row in tensor:
            yield from _pieces(row, row_bytes)
        return
    yield from tensor.split(_PIECE_BYTES // row_bytes)


# Modules, generators, names ----------------------------------------------------------------------

# Counters and hooks for autograd that say nothing of what a module computes.
_MODULE_STATE = frozenset({"_is_full_backward_hook", "_version"})


def _module_shape(module: Any) -> tuple[Any, ...]:
    """Everything that a module holds: parameters, buffers, modules inside, settings, hooks, mode."""
    state = {name: part for name, part in module.__dict__.items() if name not in _MODULE_STATE}
    return ("torch.nn.Module", type(module), state)


def _size_shape(size: Any) -> tuple[Any, ...]:
    return ("torch.Size", list(size))


def _named_shape(value: Any) -> tuple[Any, ...]:
    return ("torch.name", str(value))


def _generator_shape(generator: Any) -> tuple[Any, ...]:
    return ("torch.Generator", generator.device.type, generator.get_state())


_FAMILIES: dict[Any, ShapeFunction] = {
    torch.Tensor: _tensor_shape,
    torch.nn.Module: _module_shape,
    torch.Size: _size_shape,
    torch.dtype: _named_shape,
    torch.device: _named_shape,
    torch.layout: _named_shape,
    torch.memory_format: _named_shape,
    torch.Generator: _generator_shape,
}


# Storing -----------------------------------------------------------------------------------------


def reducer_for(cls: type) -> Reducer | None:
    """Returns what sends a tensor's memory out of band; PyTorch's own reduction has it in band."""
    return _reduce_tensor if cls in (torch.Tensor, torch.nn.Parameter) else None


def _reduce_tensor(tensor: Any) -> Any:
    plain = tensor.detach()
    simple = (
        (tensor.is_leaf or not tensor.requires_grad)
        and plain.layout is torch.strided
        and plain.device.type == "cpu"
        and plain.is_contiguous()
        and not (plain.is_quantized or plain.is_conj() or plain.is_neg())
        and not state_of(tensor, torch.Tensor)
        and plain.numel() > 0
    )
    if not simple:
        return NotImplemented
    dtype = str(plain.dtype).removeprefix("torch.")
    parts = (pickle.PickleBuffer(_bytes_of(plain)), dtype, tuple(plain.shape), tensor.requires_grad)
    return restore_tensor, (type(tensor) is torch.nn.Parameter, *parts)


def restore_tensor(
    is_parameter: bool, content: Any, dtype: str, shape: tuple[int, ...], requires_grad: bool
) -> Any:
    """Makes the tensor whose memory is ``content``."""
    tensor = torch.frombuffer(content, dtype=torch.uint8).view(getattr(torch, dtype)).reshape(shape)
    if is_parameter:
        return torch.nn.Parameter(tensor, requires_grad=requires_grad)
    return tensor.requires_grad_(requires_grad)
