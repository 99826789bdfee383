"""The hot loops, compiled when the package is built, and their plain twins in numpy."""
