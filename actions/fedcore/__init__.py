"""What server and clients share: rules, store, handlers, adapters. No torch here."""
