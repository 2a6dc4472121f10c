{
  "algorithm": "ed25519",
  "key": "10bc671dea17ab18",
  "schema_version": 1,
  "signature": "b91c9c415798fe682835ee02443b963eb0c6a76ec38123684b000db18abd4f3c29747ad608a41ab4fbc05ad61cac92680cb10268c4dd2469d26d01852e321107"
}
