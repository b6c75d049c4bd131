// The largest keys that scores have (see scoreKey.wgsl); all keys are below 2^31.
const KEY_INF = 0x7f800000u;
const KEY_NAN = 0x7f800001u;
