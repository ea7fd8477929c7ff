"""Does it treat groups as the real data does?"""
