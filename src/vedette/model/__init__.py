"""The words everything speaks: frozen types, ports, the error tree and geometry. Standard library and NumPy only."""
