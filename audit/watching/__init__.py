"""New checkpoints of hubs and folders, each audited once, decided, compared with the last of its line, and told."""
