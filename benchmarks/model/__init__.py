"""Our AutoML against FLAML and AutoGluon, on the same folds and cores, with the same time."""
