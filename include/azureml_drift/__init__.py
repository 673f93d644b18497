"""How far the distribution of a column has moved between two sets of rows. Knows no workspace and no Airflow.

`columns` reads typed columns, `population` has the population stability index, `shifts` compares column by column and
`limits` says which shift is one. Nothing is imported here: all but `column_shift` and `limits` need Arrow and SciPy.
"""
