"""Builds the compiled kernels; without a compiler the package installs and runs all the same."""

import sys

from setuptools import Extension, setup

UNIX_FLAGS = [
    "-O3",
    "-ffp-contract=off",  # a product contracted into a sum would change answers on borders
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fvisibility=hidden",
]

setup(
    ext_modules=[
        Extension(
            "gridkit._kernels._native",
            [f"gridkit/_kernels/{name}.c" for name in ("coverage", "partition", "prices")],
            extra_compile_args=[] if sys.platform == "win32" else UNIX_FLAGS,
            libraries=[] if sys.platform == "win32" else ["m"],
            optional=True,
        )
    ]
)
