"""Azure AutoML's classification metrics, of a set of rows and of resamples of it.

AutoML measures its models with them and the gate compares models with them, so that the figures are the same ones.
"""
