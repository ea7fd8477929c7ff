"""Recipes side by side: learnt under the clock, tuned, and chosen by what their rows score."""
