"""A district goes in; blocks and numbered, checked management cells come out.

Doors: ``blocks`` (land between streets), ``lattice`` (squares and hexagons), ``groups`` (balanced,
contiguous groups of any areas), ``codes`` (numbering) and ``checks`` (the certificate). Behind
them: ``faces`` cuts the land along lines, ``neighbours`` finds shared borders, ``ordering`` puts
areas in reading order, ``partition`` divides a graph.
"""
