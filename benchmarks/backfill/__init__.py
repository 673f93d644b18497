"""What 50 deferred AutoML tasks cost the triggerer."""
