"""What each part of a recipe is worth, on one checkpoint."""
