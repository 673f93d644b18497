"""Airflow hook, operators, links and connection type for Azure Machine Learning.

Import from the submodules; this file stays empty so that provider discovery is quick.
"""
