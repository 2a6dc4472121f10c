"""The commands of training and proof, added to the controller's command line through an entry point.

Uses every room.
Used by the command line.
"""
