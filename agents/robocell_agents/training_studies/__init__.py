"""Studies of trainings: recipes and peers at equal wall clock, over several training seeds.

Uses training through the command line, studies for its journal and tables, pages.
Used by results and the command study.
"""
