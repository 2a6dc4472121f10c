{
  "algorithm": "ed25519",
  "key": "b84fc817a251a5c8",
  "schema_version": 1,
  "signature": "76d857b44de25c70c6cc77620fc9e217b09c760354336e4ecb595311f03af7f144f8b8f691bc46bbfd8914087edb937165a594c40dba3a1a6e533e1fb4d43b08"
}
