"""The tour: unmodified clients do a region's main job on real files, and every answer is checked.

Nothing here knows the inside of the region: it is a caller like any other, but for the crash, which needs the processes' ids.
"""
