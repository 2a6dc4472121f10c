{
  "algorithm": "ed25519",
  "key": "51e65c00c7bcec57",
  "schema_version": 1,
  "signature": "7bff1d2fac4a41d8653cc0b86502ac6ddd0af7201ef74ed36d47a8b20fd322351f5132bd463277a31a7761af86d85fa2d86c143d4b0daf96fd7511f4466d3902"
}
