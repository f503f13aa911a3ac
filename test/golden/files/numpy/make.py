#!/usr/bin/env python3
"""Writes the NumPy files beside it: `python3 make.py`. What they hold is in numpy.test.ts again, as formulas."""
import os

import numpy

os.chdir(os.path.dirname(os.path.abspath(__file__)))
a = (numpy.arange(24) ** 2 - 7).reshape(2, 3, 4)
numpy.savez("orders.npz", c=a.astype("<f4"), fortran=numpy.asfortranarray(a.astype("<f8")), big=a.astype(">f4"),
            half=a.astype("<f2"), bighalf=numpy.asfortranarray(a.astype(">f2")), scalar=numpy.float64(2.5), empty=numpy.zeros((0, 3)),
            ints=a, flags=a > 0, text=numpy.array(["a", "b"]), complex=a.astype("c8"))
numpy.savez_compressed("compressed.npz", **{"conv0/W": a.astype("f4"), "__proto__": a.astype("f8")})
numpy.savez("objects.npz", w=a.astype("f4"), o=numpy.array([{"a": 1}, print], dtype=object))
numpy.savez("records.npz", w=a.astype("f4"), r=numpy.zeros(2, dtype=[("x", "f4"), ("y", "i4")]))
with open("version3.npy", "wb") as file:
    numpy.lib.format.write_array(file, a.astype("f4"), version=(3, 0))
numpy.save("fortran.npy", numpy.asfortranarray(a.astype("f4")))
