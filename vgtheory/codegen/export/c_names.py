"""Which names C99 and C++ keep for themselves (ISO/IEC 9899:1999, sections 6.4.1 and 7.1.3)."""

from __future__ import annotations

import re

_KEYWORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int long register
restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
alignas alignof bool constexpr false nullptr static_assert thread_local true typeof typeof_unqual asm fortran
and and_eq bitand bitor catch class compl concept const_cast consteval constinit co_await co_return co_yield decltype
delete dynamic_cast explicit export friend mutable namespace new noexcept not not_eq operator or or_eq private protected
public reinterpret_cast requires static_cast template this throw try typeid typename using virtual wchar_t xor xor_eq
"""
_MATHEMATICS = """
acos asin atan atan2 cos sin tan acosh asinh atanh cosh sinh tanh exp exp2 expm1 frexp ilogb ldexp log log10 log1p log2
logb modf scalbn scalbln cbrt fabs hypot pow sqrt erf erfc lgamma tgamma ceil floor nearbyint rint lrint llrint round
lround llround trunc fmod remainder remquo copysign nan nextafter nexttoward fdim fmax fmin fma
j0 j1 jn y0 y1 yn gamma drem finite significand scalb exp10 pow10 sincos
"""
_MACROS = """
isfinite isinf isnan isnormal signbit fpclassify isgreater isgreaterequal isless islessequal islessgreater isunordered
signgam math_errhandling float_t double_t main errno assert offsetof setjmp va_start va_arg va_end va_copy
"""
_OTHERS = """
abort abs atexit atof atoi atol atoll bsearch calloc div exit free getenv labs ldiv llabs lldiv malloc qsort rand
realloc srand system clearerr fclose feof ferror fflush fgetc fgetpos fgets fopen fprintf fputc fputs fread freopen
fscanf fseek fsetpos ftell fwrite getc getchar gets perror printf putc putchar puts remove rename rewind scanf setbuf
setvbuf snprintf sprintf sscanf tmpfile tmpnam ungetc vfprintf vfscanf vprintf vscanf vsnprintf vsprintf vsscanf
asctime clock ctime difftime gmtime localtime mktime time longjmp raise signal localeconv setlocale btowc mbrlen mblen
index rindex bcmp bcopy bzero ffs alloca cabs carg cimag conj cproj creal
random select read write open close link unlink pipe fork wait sleep kill dup
"""
_STANDARD = frozenset(
    [*_KEYWORDS.split(), *_MACROS.split(), *_OTHERS.split()]
    + [name + suffix for name in _MATHEMATICS.split() for suffix in ("", "f", "l")]
)
# Macros of <math.h>, and what the standard keeps for later: strlen, memcpy, isalpha, toupper, wcslen and their like.
_PATTERNS = re.compile(r"_[A-Z_].*|.*__.*|(is|to|str|mem|wcs)[a-z]\w*|(FP|M|MATH|HUGE)_\w*|INFINITY|NAN|HUGE|FLT_\w*")


def is_reserved(name: str) -> bool:
    """Return whether a function of one's own must not have this name.

    >>> is_reserved("double"), is_reserved("tanhf"), is_reserved("my_tanh")
    (True, True, False)
    """
    return name in _STANDARD or _PATTERNS.fullmatch(name) is not None
