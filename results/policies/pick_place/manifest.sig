{
  "algorithm": "ed25519",
  "key": "0dbd549d3a1134f3",
  "schema_version": 1,
  "signature": "171f68a6df7d79aa298aa2c2c56ad9b202bb32880717339d4d52b94225b784fb6ad25609d3bfee6ffc8952bdca51fd30dbc3a256a00f529b2f26d62069d69106"
}
