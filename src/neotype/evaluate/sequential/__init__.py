"""Do things follow each other as they do in the real data?"""
