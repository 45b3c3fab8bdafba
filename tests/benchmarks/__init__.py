"""Speed and quality of inversion against the published loop; ``python -m tests.benchmarks.bench --help``.

Read in this order: ``arms`` (what is compared), ``prompts`` and ``checkpoints`` (on what, and by whom it is judged),
``images`` (made once and kept), ``held_out`` and ``verdicts`` (quality), ``costs`` (seconds), ``headline`` (what is
claimed), ``results`` (one run of all that), ``tables`` and ``figure`` (how it is shown), ``bench`` (the command).
"""
