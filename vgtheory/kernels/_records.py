"""Named tuples of many arrays, handed on by their address: part of what Numba does not promise.

Numba passes a tuple as one argument per number in it, seven or more for an array, and takes each apart and builds it
again in every function on the way: half of the compiler's work on a kernel of many parts.
"""

from typing import Any

from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import (
    lower_getattr_generic,
    models,
    register_model,
)

from vgtheory.kernels._intrinsics import _intrinsic


class Record(types.Type):
    """The address of a named tuple of this type."""

    def __init__(self, fields: Any) -> None:
        self.fields = fields
        super().__init__(f"Record({fields})")

    @property
    def key(self) -> Any:
        """Return what tells records apart: the names of tuples and of their types may be the same."""
        return self.fields

    def place(self, name: str) -> int:
        """Return the number of a field."""
        return self.fields.fields.index(name)


@register_model(Record)
class _RecordModel(models.PrimitiveModel):
    def __init__(self, manager: Any, record: Record) -> None:
        super().__init__(manager, record, manager.lookup(record.fields).get_value_type().as_pointer())


@infer_getattr
class _RecordFields(AttributeTemplate):
    key = Record

    def generic_resolve(self, record: Record, name: str) -> Any:
        return record.fields.types[record.place(name)] if name in record.fields.fields else None


@lower_getattr_generic(Record)
def _field(context: Any, builder: Any, record: Record, value: Any, name: str) -> Any:
    place = record.place(name)
    found = builder.load(cgutils.gep_inbounds(builder, value, 0, place))
    return impl_ret_borrowed(context, builder, record.fields.types[place], found)


@_intrinsic(lambda fields: fields)
def by_address(typing_context: Any, fields: Any) -> tuple[Any, Any]:
    """Return a named tuple that parts of a kernel take by its address, for as long as the caller runs.

    Its fields are read by name, and cannot be set.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return cgutils.alloca_once_value(builder, arguments[0])

    return Record(fields)(fields), generate
