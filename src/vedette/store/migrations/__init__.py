"""How the database came to have its present form: one module per revision, run by `store.upgrading`."""
