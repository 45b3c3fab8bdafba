"""A folder of the user's own pictures, as a checkpoint ranks and names them, beside what its inversions show.

Read in this order: ``people_file`` (whom each picture shows), ``group_measures`` (what is measured), ``own_study`` (a
checkpoint looks, and it is written down), ``own_page`` (how it is told).
"""
