"""Does the synthetic table tell who was in the real one?"""
