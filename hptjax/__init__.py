"""Population training and search of small image classifiers."""
