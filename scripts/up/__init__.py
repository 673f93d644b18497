"""`make up`: the whole Airflow and the local Azure ML on this machine, each process started again when it dies.

`airflow standalone` starts the same four components, but leaves a dead one dead and, on SIGTERM, its children running.
So supervisord looks after them here. It has two gaps of its own, which `component` and `leftovers` close: it does not
end what a killed component leaves behind (workers of the scheduler, tasks with process groups of their own), and it can
itself be killed.
"""
