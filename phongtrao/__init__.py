"""Composition root: the command line, the embedded servers and the simulation.

The only package that may import every service. No service and nothing in `shared` imports it.
"""
