"""Files in: a district, given cells, a roster and reports, audited.

Map files and tables come in as people keep them: any of the usual formats, encodings, headers and
datums. A ``District``, tables in metres and, beside the sound reports, every unusable row in
quarantine with its reason go out.
"""
