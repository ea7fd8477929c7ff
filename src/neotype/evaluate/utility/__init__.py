"""Does the synthetic table teach what the real one teaches?"""
