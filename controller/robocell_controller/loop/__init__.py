"""The clocked loop around the path and the guard, its log of every tick, and the replay of a log.

Uses path, guard, cell and machine.
Used by roll-out for its periods, by the processes of a run in real time, and by the commands.
"""
