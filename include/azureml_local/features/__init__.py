"""From raw columns to the float32 matrix a model sees: one specification, two readers (frames and JSON rows)."""
