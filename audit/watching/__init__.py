"""New checkpoints of hubs, folders and registries: audited once, decided, compared with the last of its line, told."""
