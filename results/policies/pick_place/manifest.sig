{
  "algorithm": "ed25519",
  "key": "7bf7c7ebaf2f9913",
  "schema_version": 1,
  "signature": "1ca50ca4f8afb8c326c8eff824c9550c2ea5c503129b1619a80e1bcb688ac02e94aab9cc82c13c1601d888497fe01171a3968f625c772ebc42030800bc14d70d"
}
