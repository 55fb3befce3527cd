"""When Numba compiles, what it makes of a kernel's parts, and what it need not look up twice.

This relies on what Numba does not promise: pyproject.toml bounds the versions; tests/kernels/test_compiler.py tries
each trick.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Thread
from typing import Any

from llvmlite import ir
from numba.core.codegen import CPUCodeLibrary, JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import register_pass
from numba.core.targetconfig import ConfigStack
from numba.core.typed_passes import NopythonTypeInference
from numba.core.types.functions import BaseFunction


def apart(compile_it: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a compilation on a thread of its own, where nobody raises an exception from outside.

    A time limit and Ctrl-C raise in the thread that asks and waits.  Within the compiler they could leave LLVM's
    modules half linked, or a lock held for ever; and the compiler's time is not that thread's own.
    """

    def ask(signature: Any) -> Any:
        if global_compiler_lock.is_locked():  # by this thread, which compiles what takes or calls this function
            return compile_it(signature)
        # Its waiting is C: an exception that comes in between leaves no lock behind, and the thread ends by itself.
        outcome: SimpleQueue = SimpleQueue()

        def run() -> None:
            try:
                with global_compiler_lock, _uncollected(), _remembered():
                    outcome.put((compile_it(signature), None))
            except BaseException as problem:
                outcome.put((None, problem))

        Thread(target=run).start()
        entry_point, problem = outcome.get()
        if problem is not None:
            raise problem
        return entry_point

    return ask


@contextmanager
def _uncollected() -> Iterator[None]:
    """Leave cycles of objects alone: a tenth of the compiler's time goes into searching its own objects for them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def _remembered() -> Iterator[None]:
    """Have Numba look up once, within one compilation, what it looks up wherever it is needed.

    Hold its lock: what is compiled meanwhile is this.
    """
    instead = {
        (BaseFunction, "get_call_type"): _resolving_once,
        (ir.Type, "get_abi_size"): _measuring_once,
        (CPUCodeLibrary, "_optimize_functions"): _passing_over_declarations,
    }
    before = {(owner, name): getattr(owner, name) for owner, name in instead}
    for (owner, name), make in instead.items():
        setattr(owner, name, make(before[owner, name]))
    try:
        yield
    finally:
        for (owner, name), method in before.items():
            setattr(owner, name, method)


def _resolving_once(resolve: Callable) -> Callable:
    """Type a call once for the same function, types and flags: some ten templates are tried for each `a + b`."""
    found: dict[tuple, tuple[Any, Any]] = {}
    written: dict[int, tuple[Any, str]] = {}  # flags by their address, which they keep as long as they are here

    def get_call_type(self: Any, context: Any, args: Any, kws: Any) -> Any:
        flags = ConfigStack.top_or_none()
        if id(flags) not in written:
            written[id(flags)] = flags, repr(flags)
        key = self, tuple(args), tuple(dict(kws).items()), written[id(flags)][1]
        if key not in found:
            signature = resolve(self, context, args, kws)
            found[key] = signature, self._impl_keys[signature.args]
        signature, implementation = found[key]
        self._impl_keys[signature.args] = implementation  # other flags may have left theirs
        return signature

    return get_call_type


def _measuring_once(measure: Callable) -> Callable:
    """Ask LLVM once for the size of a type: it is given a module with a variable of it, and reads that."""
    sizes: dict[str, int] = {}

    def get_abi_size(self: Any, target_data: Any, context: Any = None) -> int:
        name = str(self)
        if "%" in name:  # a structure with a name of its own, which other modules may give to another one
            return measure(self, target_data, context)
        if name not in sizes:
            sizes[name] = measure(self, target_data, context)
        return sizes[name]

    return get_abi_size


def _passing_over_declarations(_: Callable) -> Callable:
    """Prepare passes for the functions that a module defines alone: most are only declared, which has nothing to do."""

    def optimize_functions(self: Any, module: Any) -> None:
        module.data_layout = self._codegen._data_layout
        for function in module.functions:
            if not function.is_declaration:
                passes, builder = self._codegen._function_pass_manager()
                with self._recorded_timings.record(f"Function passes on {function.name!r}", builder):
                    passes.run(function, builder)

    return optimize_functions


def compile_apart(dispatcher: Any, signature: Any = None) -> None:
    """Have a function compiled on a thread of its own, for one signature alone if it is given.

    It is compiled by its first call or by the first kernel that takes or calls it: at import a newcomer's first
    command would wait for kernels that it does not use.
    """
    compile_for = dispatcher.compile
    if signature is None:
        dispatcher.compile = apart(compile_for)
        return

    def compile_it(_: Any) -> Any:
        with global_compiler_lock:
            if dispatcher._can_compile:
                try:
                    compile_for(signature)
                finally:
                    if dispatcher.overloads:
                        dispatcher.disable_compile()  # arguments are converted to this signature
        return next(iter(dispatcher.overloads.values())).entry_point

    dispatcher.compile = compile_once = apart(compile_it)

    def what_to_call(*_: Any) -> Any:
        compile_once(None)
        return dispatcher  # which looks at types again; the entry point would take any array for its own

    dispatcher._compile_for_args = what_to_call


class PartLibrary(JITCodeLibrary):
    """The code of a function that only other functions call: it goes into theirs, and no machine code is made of it.

    Nor is it optimised on its own, which a tree of calls would pay at every height; only where it asks for wide
    vectors, which a function that it is inlined into need not.
    """

    @property
    def codegen(self) -> Any:
        return self

    def add_llvm_module(self, module: Any) -> None:
        self._is_wide = "prefer-vector-width" in str(module)
        super().add_llvm_module(module)

    def _optimize_final_module(self) -> None:
        if self._is_wide:
            super()._optimize_final_module()

    def set_env(self, name: str, environment: Any) -> None:
        """Keep nothing: only Python objects live in an environment, and the function has none."""
        if environment.consts:
            raise TypeError(f"{self.name} uses Python objects, which a part of a kernel cannot")

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class PartInference(NopythonTypeInference):
    """Numba's, which refuses to return arrays that count no references: a part's are slices of what it is given."""

    def run_pass(self, state: Any) -> Any:
        counts, state.targetctx.enable_nrt = state.targetctx.enable_nrt, True
        try:
            return super().run_pass(state)
        finally:
            state.targetctx.enable_nrt = counts


class PartCompiler(Compiler):
    """Numba's compiler, for such functions."""

    def define_pipelines(self) -> Any:
        self.state.library = PartLibrary(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        pipelines = super().define_pipelines()
        for manager in pipelines:
            manager.passes = [
                (PartInference if made is NopythonTypeInference else made, name) for made, name in manager.passes
            ]
            manager.finalize()
        return pipelines


# Options of Numba's decorator for such functions.
PART = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "pipeline_class": PartCompiler}


def only_for_kernels(dispatcher: Any) -> None:
    """Refuse calls of such a function from Python, which would jump to code that does not exist."""

    def keep(result: Any) -> None:  # for kernels, without a place in the table of what Python can call
        dispatcher.overloads[tuple(result.signature.args)] = result

    def refuse(*_: Any) -> None:
        raise TypeError(f"{dispatcher.py_func.__qualname__} is part of a kernel and cannot be called from Python")

    dispatcher.add_overload, dispatcher._compile_for_args = keep, refuse
