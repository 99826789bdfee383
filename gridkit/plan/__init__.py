"""A district's plan: its cells, people and rules in one GeoPackage that is checked when opened.

Doors: ``bundle`` (the plan, saved and loaded) and ``handwork`` (out to QGIS and back, with a
difference). Behind them: ``storage`` keeps tables in a GeoPackage and gives them back unchanged.
"""
