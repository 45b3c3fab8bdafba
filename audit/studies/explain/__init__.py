"""What a finding rests on: the words of its prompts, and the region of a picture that a judge looked at."""
