{
  "algorithm": "ed25519",
  "key": "d72e6304587ddf95",
  "schema_version": 1,
  "signature": "3d8a3ca50a9e7e16c2b292f4071474f3729089e038bee4707b97d289843d9c338bd881d5db9a407d2cb5ac2d2016c40a5cf2ed579651576ce254c187f0e5b600"
}
