"""The composition root: the only place that picks concrete classes, one module for each thing that is composed."""
