"""Studies: each asks more than one run can answer, in a folder of its own that computes, keeps and shows its result."""
