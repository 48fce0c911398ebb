"""What a network's predictions are held against: rules, a choice model, other viewers, other predictions."""
