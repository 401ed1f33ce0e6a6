"""The tables: one module per table family. `applying.apply` alone writes state, `market.projector` alone
writes views."""
