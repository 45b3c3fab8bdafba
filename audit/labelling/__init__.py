"""People look at pictures of a run and say what they see: a blind sample, a page on this machine, a file of labels."""
