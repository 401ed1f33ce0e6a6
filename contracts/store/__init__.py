"""SQL of agreements, one module per family of tables; events alone write."""
