"""A district goes in; blocks and numbered, checked management cells come out.

Doors: ``drafting`` (the whole road in one call), ``blocks`` (land between streets), ``splitting``
(blocks too heavy for a cell), ``lattice`` (squares and hexagons), ``groups`` (balanced, contiguous
groups of any areas) and ``rebalancing``, ``schemes`` and ``codes`` (numbering), ``checks`` (the
certificate), ``repair``; ``life``, ``redivision`` and ``lineage`` (what becomes of cells) and
``compass`` (their four bounds).

Behind them: ``faces`` cuts the land along lines, ``cuts`` many areas between buildings, ``cutting``
single ones along drawn lines, all so that borders stay exact; ``neighbours`` finds shared borders,
``network``, ``barriers``, ``seats``, ``bounds`` and ``partition`` divide them as a graph,
``ordering`` puts areas in reading order, ``overlay`` gives each face between broken cells one
owner, ``changes`` ends rows and adds rows, and the ``rules_*`` modules hold the rules of the
certificate.
"""
