{
  "algorithm": "ed25519",
  "key": "3f54da04ae286b91",
  "schema_version": 1,
  "signature": "4500da4f447aff1967b9de2ca522faae1683d2ebc064648770f1f6f6113ebad75b8433cb54b9e2cccf382a73705ded1b13e2b34d8f2ffc9ae8f59eec7655e80f"
}
