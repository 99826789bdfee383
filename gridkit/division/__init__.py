"""A district goes in; blocks and numbered, checked management cells come out.

Doors: ``blocks`` (land between streets), ``lattice`` (squares and hexagons), ``groups`` (balanced,
contiguous groups of any areas), ``schemes`` and ``codes`` (numbering), ``checks`` (the
certificate) and ``repair``. Behind them: ``faces`` cuts the land along lines, ``neighbours`` finds
shared borders, ``ordering`` puts areas in reading order, ``partition`` divides a graph,
``overlay`` gives each face between broken cells one owner, and the ``rules_*`` modules hold the
rules of the certificate.
"""
