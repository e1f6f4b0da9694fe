"""Accuracy and speed, one command each, side by side with the libraries a user would take instead."""
