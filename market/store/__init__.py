"""The tables: one module per table family. Only `applying.apply` writes state, only `market.projector` writes
views."""
